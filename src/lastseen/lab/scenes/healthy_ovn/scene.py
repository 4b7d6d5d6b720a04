"""A page over OVN's network, with padded packets, and nothing wrong."""

from functools import partial

from lastseen.lab.arming import sysctl
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.ovn import ovn
from lastseen.lab.workloads import php, web

__all__ = ["SCENE"]

SCENE = Scene(
    title="a page over OVN's network, nothing wrong",
    topology=partial(ovn, wire=("--pad",)),
    arm=sysctl("remote", "net.ipv4.tcp_timestamps=0"),
    serve=web,
    work=php(),
    truth=Truth(fault=None, healthy=True),
    root=True,
)
