"""a name server that takes its time."""
