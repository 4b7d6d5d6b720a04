"""a bridge that looks on the wrong port."""
