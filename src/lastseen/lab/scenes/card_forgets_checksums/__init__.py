"""checksums that nobody computes."""
