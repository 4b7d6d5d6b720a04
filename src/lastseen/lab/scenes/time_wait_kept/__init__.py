"""a port that is used again too soon."""
