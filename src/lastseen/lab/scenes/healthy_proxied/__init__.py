"""a page through a TCP proxy, nothing wrong."""
