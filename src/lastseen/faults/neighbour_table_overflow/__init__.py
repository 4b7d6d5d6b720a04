"""The fault `neighbour_table_overflow`: the neighbour table is full."""
