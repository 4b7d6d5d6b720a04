"""A hash chain of conntrack that is too long."""
