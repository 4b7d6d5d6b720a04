"""The scene `ovs_fin_flow`."""
