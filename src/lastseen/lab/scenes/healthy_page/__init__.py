"""a page by PHP, nothing wrong."""
