"""Two DNS queries of one socket, of which conntrack drops one."""
