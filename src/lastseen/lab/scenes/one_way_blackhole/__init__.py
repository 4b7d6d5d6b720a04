"""one direction dies for no visible reason."""
