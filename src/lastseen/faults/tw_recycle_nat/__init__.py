"""The fault `tw_recycle_nat`: SYNs of hosts behind one NAT are ignored."""
