"""timestamps that jump back."""
