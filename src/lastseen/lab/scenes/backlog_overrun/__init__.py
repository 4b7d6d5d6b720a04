"""The scene `backlog_overrun`."""
