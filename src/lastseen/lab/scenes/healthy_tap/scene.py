"""Nothing is wrong: a page through a real tap."""

from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.tapped import tapped
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="a page through a tap",
    topology=tapped,
    serve=server("--bytes", 60_000),
    work=curl("--max-time", "6"),
    truth=Truth(fault=None, healthy=True),
    root=True,
)
