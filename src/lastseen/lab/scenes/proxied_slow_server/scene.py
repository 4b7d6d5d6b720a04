"""The server behind a proxy takes its time; the client knows the proxy only."""

from lastseen.lab.parameters import Range
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.proxied import proxied
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="a slow server behind a proxy",
    topology=proxied,
    serve=server("--think", "$think_s"),
    work=curl("--max-time", "6", at=lambda p: p.gateway),
    beside_at=lambda p: p.gateway,
    ranges={"think_s": Range(plain=2.5, low=1.5, high=5, whole=False)},
    truth=Truth(fault="slow_server"),
)
