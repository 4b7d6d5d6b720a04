"""A device drops SYNs that ask for ECN; the client falls back."""

from lastseen.lab.arming import all_of, rules, sysctl
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import client, web

__all__ = ["SCENE"]

RULES = """
table ip lab_device {
  chain forward {
    type filter hook forward priority filter - 10; policy accept;
    tcp flags & (syn | ecn | cwr) == syn | ecn | cwr counter drop
  }
}
"""

SCENE = Scene(
    title="SYNs with ECN are dropped",
    topology=routed,
    arm=all_of(rules("compute", RULES), sysctl("vm", "net.ipv4.tcp_ecn=1")),
    serve=web,
    work=client("crowd", "--count", 3, "--one-by-one", "--timeout", 8),
    truth=Truth(
        fault="ecn_blackhole", accept=("firewall_deny",), hop=("compute_t0", "compute_w1"), needs=("when",)
    ),
)
