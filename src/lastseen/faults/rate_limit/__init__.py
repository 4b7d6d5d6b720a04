"""The fault `rate_limit`: a limit drops what exceeds it."""
