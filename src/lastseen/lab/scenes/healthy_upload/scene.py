"""An upload of some hundred kilobytes, and nothing is wrong."""

from lastseen.lab.parameters import Range
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import client, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="an upload, nothing wrong",
    topology=routed,
    serve=server("--speak", "sink"),
    work=client("upload", "--bytes", "$sent_bytes"),
    beside="upload",
    ranges={"sent_bytes": Range(plain=400000, low=20000, high=900000)},
    truth=Truth(fault=None, healthy=True),
)
