"""the client's acknowledgments take another way."""
