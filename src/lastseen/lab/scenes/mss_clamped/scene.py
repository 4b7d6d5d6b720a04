"""ICMP is swallowed and the path is narrow, but the SYN's MSS is clamped: nothing is lost."""

from lastseen.lab.arming import all_of, ip, rules
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

RULES = """
table ip acl {
  chain output {
    type filter hook output priority filter; policy accept;
    icmp type destination-unreachable counter drop
  }
  chain forward {
    type filter hook forward priority mangle; policy accept;
    tcp flags syn tcp option maxseg size set 1360
  }
}
"""

SCENE = Scene(
    title="a narrow path, its MSS clamped",
    topology=routed,
    arm=all_of(
        ip("compute", "link set t0 mtu 1400"), ip("vm", "link set t1 mtu 1500"), rules("compute", RULES)
    ),
    serve=server("--bytes", 60_000),
    work=curl(),
    truth=Truth(fault=None, healthy=True),
)
