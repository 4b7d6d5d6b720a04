"""A remedy applied, verified, made persistent, and undone: only in forms whose undo is known beforehand."""
