"""SYNs with Fast Open are dropped."""
