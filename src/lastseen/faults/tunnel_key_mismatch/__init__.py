"""The two ends of a tunnel have different keys."""
