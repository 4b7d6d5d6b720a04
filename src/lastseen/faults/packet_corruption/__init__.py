"""The fault `packet_corruption`: bits change on the way."""
