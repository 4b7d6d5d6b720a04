"""The scene `ttl_expiry`."""
