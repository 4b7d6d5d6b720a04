"""The host's own firewall drops the tunnel's packets: only UDP port 4789 is missing in it."""

from lastseen.lab.arming import VISITED, all_of, rules
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.vxlan import vxlan
from lastseen.lab.workloads import curl, web

__all__ = ["SCENE"]

RULES = """
table inet acl {
  chain input {
    type filter hook input priority filter; policy accept;
    iifname "u1" udp dport 4789 counter drop
  }
}
"""

SCENE = Scene(
    title="a firewall that drops a tunnel",
    topology=vxlan,
    arm=all_of(VISITED, rules("compute", RULES)),
    serve=web,
    work=curl("--max-time", "4"),
    truth=Truth(fault="firewall_deny", accept=(None,), hop=("compute_u1", "compute_t0"), needs=("nft",)),
)
