"""The fault `tx_checksum_broken`: a checksum that the sender's card never filled in."""
