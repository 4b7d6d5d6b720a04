"""The scene `ovn_stateless_rule`."""
