"""The scene `sack_stripped`."""
