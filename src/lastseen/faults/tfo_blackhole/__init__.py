"""The fault `tfo_blackhole`: SYNs with Fast Open are dropped."""
