"""The fault `checksum_partial_leak`: a packet without its checksum reaches a reader that verifies."""
