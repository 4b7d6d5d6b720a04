"""The scene `tunnel_key`."""
