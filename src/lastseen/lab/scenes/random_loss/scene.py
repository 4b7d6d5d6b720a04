"""A cable loses packets by chance, whatever is in them."""

from functools import partial

from lastseen.lab.parameters import Range
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="a wire that loses packets by chance",
    topology=partial(routed, wire=("--lose", "$lost_ratio", "--seed", "222$seed")),
    serve=server("--bytes", 60_000),
    work=curl("--max-time", "10"),
    ranges={"lost_ratio": Range(plain=0.35, low=0.3, high=0.4, whole=False)},
    truth=Truth(fault="random_loss", hop=("remote_w0", "compute_w1"), both_ways=True),
    mechanism="stand-in",
    hits="some packets",
)
