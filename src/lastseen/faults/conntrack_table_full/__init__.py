"""The fault `conntrack_table_full`: the connection tracking table is full."""
