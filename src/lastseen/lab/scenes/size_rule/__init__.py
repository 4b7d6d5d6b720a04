"""a firewall rule drops large packets."""
