"""The scene `port_reset`."""
