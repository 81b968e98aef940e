"""Conversion between Messages, Chat and Gemini: requests, answers and streams (F5.2, F5.17, oracle M20)."""
