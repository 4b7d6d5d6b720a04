"""The scene `healthy_ovn`."""
