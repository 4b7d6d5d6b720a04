"""The fault `nic_checksum_padding`: a card that leaves padding out of its sum of short frames."""
