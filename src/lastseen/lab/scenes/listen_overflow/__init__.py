"""The scene `listen_overflow`."""
