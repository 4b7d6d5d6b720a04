"""The fault `nagle_delayed_ack`: Nagle's algorithm waits for a delayed acknowledgment."""
