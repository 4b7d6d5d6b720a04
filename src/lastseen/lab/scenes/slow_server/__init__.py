"""The scene `slow_server`."""
