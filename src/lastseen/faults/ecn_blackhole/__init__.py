"""The fault `ecn_blackhole`: packets with ECN are dropped."""
