"""More clients than the accept queue holds, and a program that accepts nothing for a while."""

from lastseen.lab.lab import Lab
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import client, server

__all__ = ["SCENE"]


def showed(lab: Lab) -> bool:
    """Whether the queue was full when somebody came."""
    return lab.count("remote", "TcpExtListenOverflows") > 0


SCENE = Scene(
    title="an accept queue that is full",
    topology=routed,
    serve=server("--backlog", 1, "--accept-after", "4"),
    work=client("crowd", "--count", 6, "--timeout", 8),
    truth=Truth(fault="listen_overflow", needs=("nstat",)),
    showed=showed,
    hits="its service",
)
