"""The fault `syn_flood`: half-open connections fill the queue, and honest SYNs are dropped."""
