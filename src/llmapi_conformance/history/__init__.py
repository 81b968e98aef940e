"""History: what runs said, night after night, in SQLite or PostgreSQL; what is read out of it; what is told of it.

Needs the extra ``history``; nothing here is imported unless a command asks for it.
"""
