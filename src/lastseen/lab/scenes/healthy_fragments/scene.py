"""Large datagrams in fragments that arrive."""

from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import client, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="fragments that arrive",
    topology=routed,
    serve=server("--udp"),
    work=client("datagrams", "--count", 5, "--bytes", 3000, "--timeout", 3),
    beside="datagrams",
    truth=Truth(fault=None, healthy=True),
)
