"""The fault `path_mtu_blackhole`: too large for the path, and the sender is not told."""
