"""a page over IPv6."""
