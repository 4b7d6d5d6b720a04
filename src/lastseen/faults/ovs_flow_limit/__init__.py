"""The fault `ovs_flow_limit`: the datapath's flow limit is reached."""
