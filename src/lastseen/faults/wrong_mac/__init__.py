"""The fault `wrong_mac`: frames to a MAC address that is not the receiver's."""
