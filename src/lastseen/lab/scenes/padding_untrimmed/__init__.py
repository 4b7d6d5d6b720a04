"""padded short packets judged invalid."""
