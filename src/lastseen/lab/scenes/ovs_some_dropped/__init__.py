"""The scene `ovs_some_dropped`."""
