"""The fault `veth_checksum_bypass`: a veth that called damaged packets verified."""
