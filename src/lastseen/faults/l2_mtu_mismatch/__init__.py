"""The fault `l2_mtu_mismatch`: two MTUs in one layer 2 segment."""
