"""a flood of SYNs, and no cookies."""
