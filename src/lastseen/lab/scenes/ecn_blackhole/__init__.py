"""The scene `ecn_blackhole`."""
