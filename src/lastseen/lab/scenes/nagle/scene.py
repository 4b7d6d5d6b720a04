"""Two small writes a request, and a server that delays its acknowledgment."""

from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import client, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="Nagle meets delayed acknowledgments",
    topology=routed,
    serve=server("--speak", "echo"),
    work=client("talk", "--count", 25, "--parts", 3, "--bytes", 90, "--timeout", 8),
    beside="talk",
    truth=Truth(fault="nagle_delayed_ack", accept=(None,)),
)
