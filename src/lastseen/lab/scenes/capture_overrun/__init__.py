"""a capture that does not keep up."""
