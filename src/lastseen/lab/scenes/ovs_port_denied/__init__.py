"""The scene `ovs_port_denied`."""
