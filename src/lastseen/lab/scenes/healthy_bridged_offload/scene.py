"""Nothing is wrong: a page through a bridge with br_netfilter, with all offloads on."""

from functools import partial

from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.bridged import bridged
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="a page through a bridge with br_netfilter, offloads on",
    topology=partial(bridged, offload=True),
    serve=server("--bytes", 60_000),
    work=curl(),
    truth=Truth(fault=None, healthy=True),
)
