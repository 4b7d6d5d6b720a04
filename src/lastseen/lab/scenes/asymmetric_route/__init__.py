"""the answer comes back by another router."""
