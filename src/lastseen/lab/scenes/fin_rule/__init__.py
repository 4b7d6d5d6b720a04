"""a firewall rule drops packets with FIN."""
