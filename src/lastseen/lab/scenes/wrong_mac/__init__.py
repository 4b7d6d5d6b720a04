"""The scene `wrong_mac`."""
