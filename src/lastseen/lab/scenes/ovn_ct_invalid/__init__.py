"""The scene `ovn_ct_invalid`."""
