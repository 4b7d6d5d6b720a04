"""The server never closes: no FIN was lost, there was none."""
