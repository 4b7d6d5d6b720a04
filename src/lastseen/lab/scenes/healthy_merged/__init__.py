"""segments merged on the way."""
