"""The fault `slow_server`: the server takes that long."""
