"""Conversion between Messages and Chat: requests, answers and streams, both ways (F5.2, F5.17, oracle M20)."""
