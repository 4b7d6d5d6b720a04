"""Every packet takes 60 ms longer than it should, and none is lost."""

from functools import partial

from lastseen.lab.parameters import Range
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import php, web

__all__ = ["SCENE"]

SCENE = Scene(
    title="a slow but honest wire",
    topology=partial(routed, wire=("--pad", "--delay", "$delay_s")),
    serve=web,
    work=php(),
    ranges={"delay_s": Range(plain=0.06, low=0.01, high=0.12, whole=False)},
    truth=Truth(fault=None, healthy=True),
    mechanism="stand-in",
)
