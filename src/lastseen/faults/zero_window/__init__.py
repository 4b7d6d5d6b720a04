"""The fault `zero_window`: the receiver stopped reading."""
