"""The fault `random_loss`: packets vanish at random."""
