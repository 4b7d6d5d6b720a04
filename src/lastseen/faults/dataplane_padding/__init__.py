"""The fault `dataplane_padding`: a data plane that takes Ethernet padding for payload."""
