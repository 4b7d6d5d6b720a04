"""The name server answers what asks for IPv4 and ignores what asks for IPv6."""

from lastseen.lab.arming import all_of
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import NAME, curl, names, web

__all__ = ["SCENE"]

SCENE = Scene(
    title="a name server that ignores AAAA",
    topology=routed,
    serve=all_of(names("--ignore-six"), web),
    work=curl("--max-time", "12", at=lambda _: NAME),
    truth=Truth(fault="dns_timeout"),
    mechanism="stand-in",
    hits="its service",
)
