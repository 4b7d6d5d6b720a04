"""After some packets the cable passes nothing from the server any more."""

from functools import partial

from lastseen.lab.parameters import Range
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="one direction dies for no visible reason",
    topology=partial(routed, wire=("--direction", "ab", "--lose-after", "$passed")),
    serve=server("--bytes", 100_000),
    work=curl("--max-time", "4"),
    ranges={"passed": Range(plain=12, low=8, high=30)},
    truth=Truth(fault=None, accept=(None,), hop=("remote_w0", "compute_w1")),
    mechanism="stand-in",
)
