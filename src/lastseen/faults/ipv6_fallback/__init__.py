"""The fault `ipv6_fallback`: IPv6 is tried in vain first."""
