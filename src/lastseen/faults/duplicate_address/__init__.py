"""The fault `duplicate_address`: two hosts own one address."""
