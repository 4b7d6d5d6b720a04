"""an IPv6 answer that comes back by another router."""
