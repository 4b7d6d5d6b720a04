"""A rule allows few connections of one client at a time."""

from lastseen.lab.arming import rules
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import client, web

__all__ = ["SCENE"]

RULES = """
table ip acl {
  set clients {
    type ipv4_addr
    size 1024
    flags dynamic
  }
  chain forward {
    type filter hook forward priority filter - 10; policy accept;
    iifname "t0" tcp flags syn / syn,ack add @clients { ip saddr ct count over 4 } counter drop
  }
}
"""

SCENE = Scene(
    title="a limit on connections",
    topology=routed,
    arm=rules("compute", RULES),
    serve=web,
    work=client("crowd", "--count", 8, "--rest", 7, "--timeout", 4),
    truth=Truth(
        fault="rate_limit", accept=("firewall_deny",), hop=("compute_t0", "compute_w1"), needs=("nft",)
    ),
)
