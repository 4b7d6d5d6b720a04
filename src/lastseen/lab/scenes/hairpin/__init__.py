"""an answer that does not come back through the translation."""
