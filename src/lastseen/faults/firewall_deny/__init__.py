"""The fault `firewall_deny`: a rule discards the traffic."""
