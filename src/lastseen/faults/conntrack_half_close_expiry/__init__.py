"""The fault `conntrack_half_close_expiry`: a half-closed connection was forgotten."""
