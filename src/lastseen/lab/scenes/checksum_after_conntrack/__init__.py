"""a card that writes wrong checksums."""
