"""The scene `tenant_mtu`."""
