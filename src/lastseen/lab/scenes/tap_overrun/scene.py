"""The guest takes packets from its tap more slowly than they come, and the tap's queue is short."""

from functools import partial

from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.tapped import tapped
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="a guest that reads its tap too slowly",
    topology=partial(tapped, queue=4, rate=150),
    serve=server("--bytes", 300_000),
    work=curl("--max-time", "8"),
    truth=Truth(fault="tap_queue_overflow", hop=("compute_tap1", "vm_t1"), needs=("link",)),
    root=True,
)
