"""A filter in front of reassembly drops every fragment but the first."""

from lastseen.lab.arming import rules
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import client, first, server

__all__ = ["SCENE"]

RULES = """
table ip acl {
  chain early {
    type filter hook prerouting priority -450; policy accept;
    iifname "t0" ip frag-off & 0x1fff != 0 counter drop
  }
}
"""

SCENE = Scene(
    title="fragments that are dropped",
    topology=routed,
    arm=rules("compute", RULES),
    serve=server("--udp"),
    work=first(
        client("datagrams", "--count", 5, "--bytes", 300),
        client("datagrams", "--count", 3, "--bytes", 3000, "--timeout", 3),
    ),
    beside="datagrams",
    truth=Truth(
        fault="fragments_dropped", accept=("firewall_deny",), hop=("compute_t0", "compute_w1"), needs=("nft",)
    ),
    hits="some packets",
)
