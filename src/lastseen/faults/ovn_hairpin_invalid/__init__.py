"""The fault `ovn_hairpin_invalid`: a remembered entry is used for a packet that has changed since."""
