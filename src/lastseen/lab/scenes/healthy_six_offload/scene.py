"""Nothing is wrong: a page over IPv6, with all offloads on."""

from functools import partial

from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed6 import routed6
from lastseen.lab.workloads import php, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="a page over IPv6, offloads on",
    topology=partial(routed6, offload=True),
    serve=server("--bytes", 60_000, at=lambda p: p.remote6),
    work=php(at=lambda p: p.remote6),
    beside_at=lambda p: p.remote6,
    truth=Truth(fault=None, healthy=True),
)
