"""The scene `length_includes_padding`."""
