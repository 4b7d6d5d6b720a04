"""The scene `ovs_wrong_zone`."""
