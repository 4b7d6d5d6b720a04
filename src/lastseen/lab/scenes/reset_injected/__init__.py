"""The scene `reset_injected`."""
