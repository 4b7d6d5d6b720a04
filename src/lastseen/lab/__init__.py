"""Networks that really fail: namespaces, faults of the kernel itself, and cases recorded exactly as a user would."""
