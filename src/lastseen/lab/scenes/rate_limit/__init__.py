"""The scene `rate_limit`."""
