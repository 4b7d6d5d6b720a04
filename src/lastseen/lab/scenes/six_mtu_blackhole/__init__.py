"""a smaller MTU on IPv6, and ICMPv6 swallowed."""
