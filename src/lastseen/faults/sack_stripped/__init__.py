"""The fault `sack_stripped`: the SACK option is removed on the way."""
