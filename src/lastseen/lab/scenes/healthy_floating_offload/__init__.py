"""a page through a floating address, offloads on."""
