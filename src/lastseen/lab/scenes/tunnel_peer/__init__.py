"""The scene `tunnel_peer`."""
