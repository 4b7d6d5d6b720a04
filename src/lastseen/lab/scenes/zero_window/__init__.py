"""The scene `zero_window`."""
