"""The fault `sequence_rewrite_sack`: SACK blocks no longer fit the numbers a device has moved."""
