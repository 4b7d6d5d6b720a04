"""a dead path among equal ones."""
