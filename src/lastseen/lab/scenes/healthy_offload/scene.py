"""All offloads are on: checksums in captures are partial, packets larger than the MTU, and nothing is wrong."""

from functools import partial

from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import php, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="a page with all offloads on, nothing wrong",
    topology=partial(routed, offload=True),
    serve=server("--bytes", 60_000),
    work=php(),
    truth=Truth(fault=None, healthy=True),
)
