"""an upload, nothing wrong."""
