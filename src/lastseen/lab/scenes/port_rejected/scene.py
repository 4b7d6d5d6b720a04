"""The security group refuses the connection with ICMP 'administratively prohibited'."""

from lastseen.lab.arming import rules
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import curl, web

__all__ = ["SCENE"]

RULES = """
table ip acl {
  chain forward {
    type filter hook forward priority filter - 10; policy accept;
    iifname "t0" tcp dport $port counter reject with icmp admin-prohibited
  }
}
"""

SCENE = Scene(
    title="a port that is refused by ICMP",
    topology=routed,
    arm=rules("compute", RULES),
    serve=web,
    work=curl("--max-time", "4"),
    truth=Truth(
        fault="firewall_deny", hop=("compute_t0", "compute_w1"), needs=("nft", "ip_addr", "ip_route")
    ),
    hits="its service",
)
