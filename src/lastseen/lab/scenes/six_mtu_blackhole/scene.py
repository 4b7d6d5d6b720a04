"""Large IPv6 packets do not fit, and the ICMPv6 that would say so is dropped."""

from lastseen.lab.arming import all_of, ip, rules
from lastseen.lab.parameters import Range
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed6 import routed6
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

RULES = """
table ip6 acl {
  chain output {
    type filter hook output priority filter; policy accept;
    icmpv6 type packet-too-big counter drop
  }
}
"""

SCENE = Scene(
    title="a smaller MTU on IPv6, and ICMPv6 swallowed",
    topology=routed6,
    arm=all_of(ip("compute", "link set t0 mtu $mtu"), rules("compute", RULES)),
    serve=server("--bytes", 9000, at=lambda p: p.remote6),
    work=curl("--max-time", "4", at=lambda p: p.remote6),
    beside_at=lambda p: p.remote6,
    ranges={"mtu": Range(plain=1400, low=1281, high=1450)},
    truth=Truth(fault="path_mtu_blackhole", hop=("compute_w1", "compute_t0")),
)
