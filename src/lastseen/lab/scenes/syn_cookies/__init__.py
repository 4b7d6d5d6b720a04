"""SYN cookies that lose TCP options."""
