"""Nothing is wrong: a page through a bridge with br_netfilter."""

from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.bridged import bridged
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="a page through a bridge with br_netfilter",
    topology=bridged,
    serve=server("--bytes", 60_000),
    work=curl(),
    truth=Truth(fault=None, healthy=True),
)
