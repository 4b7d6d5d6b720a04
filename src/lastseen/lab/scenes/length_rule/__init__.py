"""a firewall rule drops the shortest packets."""
