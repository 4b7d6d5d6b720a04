"""The fault `link_flap`: a link goes down and comes back."""
