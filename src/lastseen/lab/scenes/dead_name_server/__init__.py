"""a name server that hangs."""
