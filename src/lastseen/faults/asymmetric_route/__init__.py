"""The fault `asymmetric_route`: a stateful hop sees one direction only."""
