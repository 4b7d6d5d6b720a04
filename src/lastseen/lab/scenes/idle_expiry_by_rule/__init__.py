"""a rule that lets connections be forgotten."""
