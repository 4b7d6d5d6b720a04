"""Many connections at once."""

from lastseen.lab.parameters import Range
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import client, web

__all__ = ["SCENE"]

SCENE = Scene(
    title="many connections, all well",
    topology=routed,
    serve=web,
    work=client("crowd", "--count", "$clients", "--timeout", 6),
    ranges={"clients": Range(plain=12, low=4, high=24)},
    truth=Truth(fault=None, healthy=True),
)
