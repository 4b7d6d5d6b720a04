"""a slow server behind a proxy."""
