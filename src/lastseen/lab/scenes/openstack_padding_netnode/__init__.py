"""The scene `openstack_padding_netnode`."""
