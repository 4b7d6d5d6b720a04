"""The scene `server_drops`."""
