"""The fault `syn_cookies`: SYN cookies drop options."""
