"""conntrack has lost sight of the window."""
