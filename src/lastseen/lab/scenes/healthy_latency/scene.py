"""Every packet takes 60 ms longer than it should, and none is lost."""

from functools import partial

from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import php, web

__all__ = ["SCENE"]

SCENE = Scene(
    title="a slow but honest wire",
    topology=partial(routed, wire=("--pad", "--delay", "0.06")),
    serve=web,
    work=php(),
    truth=Truth(fault=None, healthy=True),
    mechanism="stand-in",
)
