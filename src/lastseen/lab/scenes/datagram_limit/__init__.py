"""a limit on datagrams."""
