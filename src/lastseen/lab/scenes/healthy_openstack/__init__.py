"""The scene `healthy_openstack`."""
