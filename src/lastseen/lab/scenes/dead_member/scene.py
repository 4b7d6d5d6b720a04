"""One of two members is gone and still gets every second connection."""

from lastseen.lab.arming import all_of, ip
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.balanced import ADDRESSES, balanced
from lastseen.lab.workloads import client, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="a dead member behind a balancer",
    topology=balanced,
    arm=ip("lab_switch", "link set p1 down"),
    serve=all_of(*(server(node=name, at=at) for name, at in ADDRESSES.items())),
    work=client("crowd", "--count", 6, "--timeout", 4),
    truth=Truth(fault="ecmp_bad_member", accept=(None,), hop=("balancer_t0", "balancer_w1")),
)
