"""The fault `ovs_upcall_lost`: packets are lost on the way to ovs-vswitchd."""
