"""The server reads nothing for a while: its window closes and the upload waits."""

from lastseen.lab.parameters import Range
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import client, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="a receiver that does not read",
    topology=routed,
    serve=server("--speak", "sink", "--think", "3", "--receive-buffer", 8192),
    work=client("upload", "--bytes", "$sent_bytes", "--timeout", 8),
    beside="upload",
    ranges={"sent_bytes": Range(plain=400000, low=200000, high=800000)},
    truth=Truth(fault="zero_window", needs=("nstat",), seems=("slow_server",)),
    hits="its service",
)
