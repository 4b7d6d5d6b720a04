"""short packets with really wrong checksums."""
