"""The fault `conntrack_out_of_window`: packets outside conntrack's window are dropped."""
