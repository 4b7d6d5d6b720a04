"""a page through a floating address."""
