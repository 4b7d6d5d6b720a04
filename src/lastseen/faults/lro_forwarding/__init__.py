"""The fault `lro_forwarding`: what a card has merged for good cannot be forwarded."""
