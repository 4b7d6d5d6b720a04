"""two ways and a loose reverse path filter."""
