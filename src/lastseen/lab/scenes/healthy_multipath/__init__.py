"""connections on two equal paths, nothing wrong."""
