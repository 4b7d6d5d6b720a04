"""a limit on connections."""
