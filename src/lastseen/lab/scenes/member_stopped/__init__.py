"""a member whose service is stopped."""
