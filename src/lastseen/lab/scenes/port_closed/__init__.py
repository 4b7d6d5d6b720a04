"""The scene `port_closed`."""
