"""a smaller MTU and a firewall that swallows ICMP."""
