"""A rule lets few datagrams a second pass and drops the rest."""

from lastseen.lab.arming import rules
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import client, server

__all__ = ["SCENE"]

RULES = """
table ip shape {
  chain forward {
    type filter hook forward priority filter - 10; policy accept;
    iifname "t0" meta l4proto udp limit rate over 20/second burst 5 packets counter drop
  }
}
"""

SCENE = Scene(
    title="a limit on datagrams",
    topology=routed,
    arm=rules("compute", RULES),
    serve=server("--udp"),
    work=client("calls", "--count", 80, "--rest", 0.02, "--bytes", 200, "--timeout", 1.5),
    beside="datagrams",
    truth=Truth(fault="rate_limit", hop=("compute_t0", "compute_w1"), needs=("nft",)),
)
