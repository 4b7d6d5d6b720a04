"""a wire that duplicates, nothing lost."""
