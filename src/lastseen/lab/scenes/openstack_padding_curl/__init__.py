"""The scene `openstack_padding_curl`."""
