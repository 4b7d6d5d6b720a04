"""The fault `ovs_recirculation_limit`: a pipeline is too long for the datapath."""
