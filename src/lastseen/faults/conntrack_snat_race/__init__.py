"""Two new flows that chose the same translated tuple."""
