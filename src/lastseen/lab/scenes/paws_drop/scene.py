"""A client's TCP clock jumps back in mid-connection, as that of a restored container: its data is thrown away."""

from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import client, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="timestamps that jump back",
    topology=routed,
    serve=server("--speak", "echo"),
    work=client("talk", "--count", 2, "--rest", 0.2, "--clock-step", -60_000, "--timeout", 4),
    beside="talk",
    truth=Truth(fault="paws_drop"),
)
