"""a page through a tap."""
