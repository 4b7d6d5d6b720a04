"""The fault `fragments_dropped`: IP fragments are dropped."""
