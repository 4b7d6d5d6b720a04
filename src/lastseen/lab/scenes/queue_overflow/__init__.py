"""The scene `queue_overflow`."""
