"""The fault `capture_artifact`: the capture lost the packet, not the network."""
