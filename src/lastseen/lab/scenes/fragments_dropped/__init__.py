"""The scene `fragments_dropped`."""
