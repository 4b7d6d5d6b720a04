"""The server thinks for some seconds before it answers."""

from lastseen.lab.parameters import Range
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="a server that takes its time",
    topology=routed,
    serve=server("--think", "$think_s"),
    work=curl("--max-time", "6"),
    ranges={"think_s": Range(plain=2.5, low=1.5, high=5, whole=False)},
    truth=Truth(fault="slow_server"),
    hits="its service",
)
