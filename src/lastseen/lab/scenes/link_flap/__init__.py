"""a link that goes down and comes back."""
