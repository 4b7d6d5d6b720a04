"""two hosts with one address."""
