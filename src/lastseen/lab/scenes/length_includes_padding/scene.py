"""A data plane takes the Ethernet padding of short packets for payload and writes an IP length that includes it."""

from functools import partial

from lastseen.lab.arming import all_of, lengthened, sysctl
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import curl, web

__all__ = ["SCENE"]

SCENE = Scene(
    title="padding that becomes payload",
    topology=partial(routed, wire=("--pad",)),
    arm=all_of(sysctl("remote", "net.ipv4.tcp_timestamps=0"), lengthened("compute", "w1")),
    serve=web,
    work=curl("--max-time", "4"),
    truth=Truth(fault="dataplane_padding", hop=("compute_w1", "compute_t0")),
    mechanism="stand-in",
)
