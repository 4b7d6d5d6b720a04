"""a page with all offloads on, nothing wrong."""
