"""One of two equal paths is dead: its router no longer forwards, and the other end is told nothing."""

from lastseen.lab.arming import all_of, sysctl
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.multipath import multipath
from lastseen.lab.workloads import client, web

__all__ = ["SCENE"]

SCENE = Scene(
    title="a dead path among equal ones",
    topology=multipath,
    arm=all_of(sysctl("router2", "net.ipv4.ip_forward=0"), sysctl("vm", "net.core.txrehash=0")),
    serve=web,
    work=client("crowd", "--count", 20, "--timeout", 4),
    truth=Truth(fault="ecmp_bad_member", hop=("compute_w1", "remote_w0"), needs=("route",)),
)
