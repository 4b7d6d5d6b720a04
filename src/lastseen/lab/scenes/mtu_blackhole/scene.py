"""Large packets do not fit, and the ICMP that would say so is dropped."""

from lastseen.lab.arming import all_of, ip, rules
from lastseen.lab.parameters import Range
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
}
"""

SCENE = Scene(
    title="a smaller MTU and a firewall that swallows ICMP",
    topology=routed,
    arm=all_of(ip("compute", "link set t0 mtu $mtu"), rules("compute", RULES)),
    serve=server("--bytes", 9000),
    work=curl("--max-time", "4"),
    ranges={"mtu": Range(plain=1400, low=1280, high=1450)},
    truth=Truth(fault="path_mtu_blackhole", hop=("compute_w1", "compute_t0")),
)
