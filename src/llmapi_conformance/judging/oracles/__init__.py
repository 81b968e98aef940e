"""Oracles by what they judge; importing this package registers them all."""
