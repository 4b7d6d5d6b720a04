"""The fault `tap_queue_overflow`: a guest does not read its queue."""
