"""the firewall forgets a resting connection."""
