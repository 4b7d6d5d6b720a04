"""The scene `half_close_expiry`."""
