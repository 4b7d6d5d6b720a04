"""The fault `reset_injected`: a device resets connections."""
