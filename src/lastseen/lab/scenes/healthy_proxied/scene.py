"""Nothing is wrong: a page through a TCP proxy, which opens connections of its own."""

from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.proxied import proxied
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="a page through a TCP proxy, nothing wrong",
    topology=proxied,
    serve=server("--bytes", 20_000),
    work=curl(at=lambda p: p.gateway),
    beside_at=lambda p: p.gateway,
    truth=Truth(fault=None, healthy=True),
)
