"""a smaller MTU behind the router, discovered."""
