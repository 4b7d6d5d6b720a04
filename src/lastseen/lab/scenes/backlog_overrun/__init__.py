"""a CPU that packets come to faster than it takes them."""
