"""Short frames come padded to 60 bytes and nothing is wrong: the IP layer trims them."""

from functools import partial

from lastseen.lab.arming import sysctl
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import php, web

__all__ = ["SCENE"]

SCENE = Scene(
    title="short frames padded on the wire, nothing wrong",
    topology=partial(routed, wire=("--pad",)),
    arm=sysctl("remote", "net.ipv4.tcp_timestamps=0"),
    serve=web,
    work=php(),
    truth=Truth(fault=None, healthy=True),
)
