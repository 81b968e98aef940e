"""Verdicts to terminal, JSON and JUnit."""
