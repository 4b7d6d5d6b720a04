"""a name server that ignores AAAA."""
