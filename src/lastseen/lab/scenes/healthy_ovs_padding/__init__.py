"""The scene `healthy_ovs_padding`."""
