"""Requests that are made from the description and from rules: the same seed makes the same bytes."""
