"""a narrow path, its MSS clamped."""
