"""a page over IPv6, offloads on."""
