"""Behind a tunnel one port of the bridge has a smaller MTU than the segment: no router, no ICMP."""

from lastseen.lab.arming import ip
from lastseen.lab.parameters import Range
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.vxlan import vxlan
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="one port of a segment with a smaller MTU",
    topology=vxlan,
    arm=ip("compute", "link set t0 mtu $mtu"),
    serve=server("--bytes", 9000),
    work=curl("--max-time", "4"),
    ranges={"mtu": Range(plain=1400, low=1280, high=1430)},
    truth=Truth(fault="l2_mtu_mismatch", hop=("compute_u1", "compute_t0"), seems=("path_mtu_blackhole",)),
)
