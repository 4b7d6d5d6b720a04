"""a page through a VXLAN tunnel, offloads on."""
