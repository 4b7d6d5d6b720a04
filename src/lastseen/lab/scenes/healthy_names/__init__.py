"""a name looked up, then a page."""
