"""The fault `port_security`: anti-spoofing drops a foreign source."""
