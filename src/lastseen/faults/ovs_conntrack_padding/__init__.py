"""Connection tracking sums Ethernet padding into the TCP checksum and calls good short packets invalid."""
