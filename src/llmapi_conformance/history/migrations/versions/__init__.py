"""Changes of the tables, oldest first by their names."""
