"""The fault `vmxnet3_tunnel_checksum`: checksums inside a tunnel that a virtual card leaves undone."""
