"""A rule drops every FIN from the server: PHP has the page and waits for the end until its timeout."""

from lastseen.lab.arming import rules
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import php, web

__all__ = ["SCENE"]

RULES = """
table ip acl {
  chain forward {
    type filter hook forward priority filter - 10; policy accept;
    iifname "w1" tcp flags & fin == fin counter drop
  }
}
"""

SCENE = Scene(
    title="a firewall rule drops packets with FIN",
    topology=routed,
    arm=rules("compute", RULES),
    serve=web,
    work=php(),
    truth=Truth(fault="firewall_deny", hop=("compute_w1", "compute_t0"), needs=("nft",)),
    hits="some packets",
)
