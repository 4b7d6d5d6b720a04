"""The scene `healthy_pieces`."""
