"""An answer in many pieces."""

from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="an answer that comes in pieces",
    topology=routed,
    serve=server("--pieces", 12, "--pause", "0.05", "--bytes", 40_000),
    work=curl("--max-time", "4"),
    truth=Truth(fault=None, healthy=True),
)
