"""a wire that reorders, nothing lost."""
