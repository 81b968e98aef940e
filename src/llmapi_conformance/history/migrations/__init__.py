"""Alembic's environment: one file under ``versions`` for each change of the tables."""
