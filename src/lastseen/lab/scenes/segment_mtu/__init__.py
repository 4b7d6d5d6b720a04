"""one port of a segment with a smaller MTU."""
