"""The fault `stale_fdb`: a bridge looks behind the wrong port."""
