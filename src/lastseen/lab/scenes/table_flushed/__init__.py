"""a firewall that loses its state."""
