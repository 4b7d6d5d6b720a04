"""a slow but honest wire."""
