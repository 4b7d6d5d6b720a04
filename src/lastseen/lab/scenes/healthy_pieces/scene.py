"""An answer in many pieces."""

from lastseen.lab.parameters import Range
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="an answer that comes in pieces",
    topology=routed,
    serve=server("--pieces", 12, "--pause", "$pause_s", "--bytes", 40_000),
    work=curl("--max-time", "4"),
    ranges={"pause_s": Range(plain=0.05, low=0.01, high=0.15, whole=False)},
    truth=Truth(fault=None, healthy=True),
)
