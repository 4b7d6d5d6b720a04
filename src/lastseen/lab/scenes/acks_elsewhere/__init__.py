"""The scene `acks_elsewhere`."""
