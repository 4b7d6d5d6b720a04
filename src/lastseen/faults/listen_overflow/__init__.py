"""The fault `listen_overflow`: the server's accept queue is full."""
