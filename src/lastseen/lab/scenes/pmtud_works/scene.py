"""The path's MTU is smaller than the sender's, the router says so, and the sender listens."""

from lastseen.lab.arming import all_of, ip
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="a smaller MTU behind the router, discovered",
    topology=routed,
    arm=all_of(ip("compute", "link set t0 mtu 1400"), ip("vm", "link set t1 mtu 1500")),
    serve=server("--bytes", 60_000),
    work=curl(),
    truth=Truth(fault=None, healthy=True),
)
