"""The fault `ovs_wrong_megaflow`: a flow cannot be installed."""
