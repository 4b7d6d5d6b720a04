"""a page over TLS."""
