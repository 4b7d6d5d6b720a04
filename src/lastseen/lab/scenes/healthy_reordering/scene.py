"""Packets overtake each other; none is lost."""

from functools import partial

from lastseen.lab.parameters import Range
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="a wire that reorders, nothing lost",
    topology=partial(routed, wire=("--pad", "--reorder", "$late_ratio", "--reorder-by", "0.004")),
    serve=server("--bytes", 150_000),
    work=curl(),
    ranges={"late_ratio": Range(plain=0.2, low=0.05, high=0.3, whole=False)},
    truth=Truth(fault=None, healthy=True),
    mechanism="stand-in",
)
