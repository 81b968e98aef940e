"""Sending: scenarios, sessions, the scheduler and the budget."""
