"""connections dealt to two members, nothing wrong."""
