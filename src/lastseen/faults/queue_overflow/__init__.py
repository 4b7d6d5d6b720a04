"""The fault `queue_overflow`: a queue is full."""
