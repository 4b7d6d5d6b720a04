"""a page through a VXLAN tunnel."""
