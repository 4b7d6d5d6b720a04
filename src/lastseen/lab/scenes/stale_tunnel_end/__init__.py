"""a tunnel that sends to the old host."""
