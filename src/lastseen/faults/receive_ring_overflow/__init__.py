"""The fault `receive_ring_overflow`: a card or CPU cannot take what comes."""
