"""The server thinks for some seconds before it answers."""

from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="a server that takes its time",
    topology=routed,
    serve=server("--think", "2.5"),
    work=curl("--max-time", "6"),
    truth=Truth(fault="slow_server"),
    hits="its service",
)
