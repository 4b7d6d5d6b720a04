"""Nothing is wrong: a page through a floating address."""

from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.floating import floating
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="a page through a floating address",
    topology=floating,
    serve=server("--bytes", 60_000),
    work=curl(),
    truth=Truth(fault=None, healthy=True),
)
