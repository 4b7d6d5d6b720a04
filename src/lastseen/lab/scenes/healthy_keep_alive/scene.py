"""Nothing is wrong: a conversation rests, and keep-alives show that both ends are there."""

from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import client, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="a conversation that rests and keeps alive",
    topology=routed,
    serve=server("--speak", "echo"),
    work=client("talk", "--count", 2, "--rest", 3.5, "--keep-alive", 1, "--timeout", 3),
    beside="talk",
    truth=Truth(fault=None, healthy=True),
)
