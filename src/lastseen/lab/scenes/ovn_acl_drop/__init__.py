"""The scene `ovn_acl_drop`."""
