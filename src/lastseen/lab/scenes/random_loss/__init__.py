"""a wire that loses packets by chance."""
