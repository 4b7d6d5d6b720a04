"""Nothing is wrong: connections take two equal paths."""

from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.multipath import multipath
from lastseen.lab.workloads import client, web

__all__ = ["SCENE"]

SCENE = Scene(
    title="connections on two equal paths, nothing wrong",
    topology=multipath,
    serve=web,
    work=client("crowd", "--count", 8, "--timeout", 6),
    truth=Truth(fault=None, healthy=True),
)
