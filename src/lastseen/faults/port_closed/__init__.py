"""Nothing listens on the port."""
