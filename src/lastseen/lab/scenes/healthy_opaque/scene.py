"""Nothing is wrong: an encrypted protocol over UDP, of which an observer understands no byte (as QUIC, RFC 9000)."""

from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import client, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="an encrypted protocol over UDP",
    topology=routed,
    serve=server("--udp", "--opaque"),
    work=client("calls", "--count", 60, "--rest", 0.01, "--bytes", 1200, "--timeout", 2),
    beside="datagrams",
    truth=Truth(fault=None, healthy=True),
)
