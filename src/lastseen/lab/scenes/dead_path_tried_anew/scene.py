"""One of two equal paths is dead; a client that repeats its SYN may get the other one, as its kernel hashes anew."""

from lastseen.lab.arming import sysctl
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.multipath import multipath
from lastseen.lab.workloads import client, web

__all__ = ["SCENE"]

SCENE = Scene(
    title="a dead path that a repetition avoids",
    topology=multipath,
    arm=sysctl("router2", "net.ipv4.ip_forward=0"),
    serve=web,
    work=client("crowd", "--count", 20, "--timeout", 6),
    truth=Truth(fault="ecmp_bad_member", accept=(None,), hop=("compute_w1", "remote_w0")),
)
