"""Conntrack does not see the client's ACKs and finds the server's data out of window.

`notrack` rules for bare ACKs are a real mistake; the same happens when they take another path.
"""

from functools import partial

from lastseen.lab.arming import rules
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import SECURITY_GROUP, routed
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

RULES = """
table ip tuning {
  chain before {
    type filter hook prerouting priority raw; policy accept;
    iifname "t0" tcp flags ack / syn,ack ip length < 60 counter notrack
  }
  chain forward {
    type filter hook forward priority filter - 20; policy accept;
    ct state untracked counter accept
  }
}
"""
GROUP = SECURITY_GROUP.replace("ct state invalid", "ct state untracked accept\n    ct state invalid")

SCENE = Scene(
    title="conntrack has lost sight of the window",
    topology=partial(routed, rules=GROUP),
    arm=rules("compute", RULES),
    serve=server("--bytes", 400_000),
    work=curl("--max-time", "5"),
    truth=Truth(fault="conntrack_out_of_window", hop=("compute_w1", "compute_t0")),
    hits="some packets",
)
