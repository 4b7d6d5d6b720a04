"""A device in between resets the connection at the first request."""

from lastseen.lab.arming import rules
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import curl, web

__all__ = ["SCENE"]

RULES = """
table ip lab_device {
  chain forward {
    type filter hook forward priority filter - 10; policy accept;
    iifname "t0" tcp dport $port tcp flags & psh == psh counter reject with tcp reset
  }
}
"""

SCENE = Scene(
    title="a device that resets",
    topology=routed,
    arm=rules("compute", RULES),
    serve=web,
    work=curl("--max-time", "4"),
    truth=Truth(fault="reset_injected"),
    hits="its service",
)
