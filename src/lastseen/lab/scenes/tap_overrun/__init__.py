"""a guest that reads its tap too slowly."""
