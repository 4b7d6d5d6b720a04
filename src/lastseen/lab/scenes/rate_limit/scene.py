"""A policer in the rule set drops what comes too fast."""

from lastseen.lab.arming import rules
from lastseen.lab.parameters import Range
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

RULES = """
table ip shape {
  chain forward {
    type filter hook forward priority filter - 10; policy accept;
    iifname "w1" ip length > 500 limit rate over $rate/second burst 5 packets counter drop
  }
}
"""

SCENE = Scene(
    title="a limit that drops what exceeds it",
    topology=routed,
    arm=rules("compute", RULES),
    serve=server("--bytes", 150_000),
    work=curl("--max-time", "6"),
    ranges={"rate": Range(plain=20, low=10, high=40)},
    truth=Truth(fault="rate_limit", hop=("compute_w1", "compute_t0"), needs=("nft",)),
    hits="some packets",
)
