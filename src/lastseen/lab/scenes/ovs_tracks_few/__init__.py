"""a switch that tracks few connections."""
