"""a translation that runs out of ports."""
