"""a port that no rule allows."""
