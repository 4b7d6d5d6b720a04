"""The scene `nagle`."""
