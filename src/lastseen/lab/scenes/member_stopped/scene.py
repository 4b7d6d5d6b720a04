"""The service on one of two members is stopped; the balancer still deals every second connection to it."""

from lastseen.lab.arming import all_of
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.balanced import ADDRESSES, balanced
from lastseen.lab.workloads import client, next_port, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="a member whose service is stopped",
    topology=balanced,
    serve=all_of(
        server(node="member1", at=ADDRESSES["member1"]),
        next_port(server(node="member2", at=ADDRESSES["member2"])),
    ),
    work=client("crowd", "--count", 6, "--timeout", 4),
    truth=Truth(fault="port_closed"),
)
