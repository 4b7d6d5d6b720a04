"""The scene `openstack_padding`."""
