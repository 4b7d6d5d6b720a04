"""a firewall that drops a tunnel."""
