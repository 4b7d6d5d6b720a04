"""Some packets arrive twice; none is lost."""

from functools import partial

from lastseen.lab.parameters import Range
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="a wire that duplicates, nothing lost",
    topology=partial(routed, wire=("--pad", "--duplicate", "$twice_ratio")),
    serve=server("--bytes", 100_000),
    work=curl(),
    ranges={"twice_ratio": Range(plain=0.15, low=0.05, high=0.3, whole=False)},
    truth=Truth(fault=None, healthy=True),
    mechanism="stand-in",
)
