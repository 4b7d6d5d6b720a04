"""flows of a switch that go round in circles."""
