"""a dead member behind a balancer."""
