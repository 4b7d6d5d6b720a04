"""a port that is refused by ICMP."""
