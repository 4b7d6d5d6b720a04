"""Nothing is wrong: connections dealt to two members by DNAT."""

from lastseen.lab.arming import all_of
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.balanced import ADDRESSES, balanced
from lastseen.lab.workloads import client, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="connections dealt to two members, nothing wrong",
    topology=balanced,
    serve=all_of(*(server(node=name, at=at) for name, at in ADDRESSES.items())),
    work=client("crowd", "--count", 6, "--timeout", 6),
    truth=Truth(fault=None, healthy=True),
)
