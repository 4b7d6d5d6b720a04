"""The fault `paws_drop`: segments with an old timestamp are discarded."""
