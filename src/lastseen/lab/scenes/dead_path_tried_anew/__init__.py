"""a dead path that a repetition avoids."""
