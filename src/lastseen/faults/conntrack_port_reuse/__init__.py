"""The fault `conntrack_port_reuse`: a reused port meets an old entry."""
