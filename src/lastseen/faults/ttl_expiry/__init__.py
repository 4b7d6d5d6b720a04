"""The fault `ttl_expiry`: the TTL ran out."""
