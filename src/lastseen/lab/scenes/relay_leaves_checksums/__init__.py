"""A relay in user space that passes on packets whose checksum is yet to be computed."""
