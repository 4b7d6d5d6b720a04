"""a wire that flips bits."""
