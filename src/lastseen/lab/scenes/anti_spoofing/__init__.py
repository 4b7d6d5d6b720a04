"""a source that the port may not use."""
