"""A rule drops large packets: it looks like an MTU black hole, but there is no smaller MTU."""

from lastseen.lab.arming import rules
from lastseen.lab.parameters import Range
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

RULES = """
table ip acl {
  chain forward {
    type filter hook forward priority filter - 10; policy accept;
    iifname "w1" ip length > $longest counter drop
  }
}
"""

SCENE = Scene(
    title="a firewall rule drops large packets",
    topology=routed,
    arm=rules("compute", RULES),
    serve=server("--bytes", 9000),
    work=curl("--max-time", "4"),
    ranges={"longest": Range(plain=1000, low=700, high=1300)},
    truth=Truth(fault="firewall_deny", hop=("compute_w1", "compute_t0"), needs=("nft",)),
    hits="some packets",
)
