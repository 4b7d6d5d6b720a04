"""Many connections at once."""

from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import client, web

__all__ = ["SCENE"]

SCENE = Scene(
    title="many connections, all well",
    topology=routed,
    serve=web,
    work=client("crowd", "--count", 12, "--timeout", 6),
    truth=Truth(fault=None, healthy=True),
)
