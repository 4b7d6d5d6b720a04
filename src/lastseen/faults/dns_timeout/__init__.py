"""The fault `dns_timeout`: the resolver waits for a name server."""
