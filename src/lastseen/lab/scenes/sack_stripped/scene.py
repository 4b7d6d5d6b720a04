"""A device takes the option for SACK out of every SYN."""

from lastseen.lab.arming import rules
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

RULES = """
table ip lab_device {
  chain forward {
    type filter hook forward priority filter - 10; policy accept;
    tcp flags syn reset tcp option sack-perm
  }
}
"""

SCENE = Scene(
    title="a device that removes SACK",
    topology=routed,
    arm=rules("compute", RULES),
    serve=server("--bytes", 30_000),
    work=curl("--max-time", "4"),
    truth=Truth(fault="sack_stripped", hop=("compute_t0", "compute_w1")),
    hits="some packets",
)
