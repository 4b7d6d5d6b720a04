"""The server keeps the connection open, and PHP waits for the end of file."""

from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import php, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="a server that never closes",
    topology=routed,
    serve=server("--keep-open", "30"),
    work=php(),
    truth=Truth(fault="server_keeps_open"),
    hits="its service",
)
