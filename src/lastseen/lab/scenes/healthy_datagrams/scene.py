"""Datagrams and their answers."""

from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import client, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="datagrams, all answered",
    topology=routed,
    serve=server("--udp"),
    work=client("datagrams", "--count", 20, "--bytes", 300, "--timeout", 3),
    beside="datagrams",
    truth=Truth(fault=None, healthy=True),
)
