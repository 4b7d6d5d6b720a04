"""The fault `hw_offload_window`: connection tracking loses sight of what hardware carries."""
