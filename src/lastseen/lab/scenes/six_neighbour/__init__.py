"""neighbour discovery that gets no answer."""
