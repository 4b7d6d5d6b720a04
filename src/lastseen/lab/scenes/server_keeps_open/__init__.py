"""The scene `server_keeps_open`."""
