"""The scene `request_reset`."""
