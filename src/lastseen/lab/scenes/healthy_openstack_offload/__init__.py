"""The scene `healthy_openstack_offload`."""
