"""IPv6 that leads nowhere."""
