"""The name server takes its time to answer; the page is there at once."""

from lastseen.lab.arming import all_of
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import NAME, curl, names, web

__all__ = ["SCENE"]

SCENE = Scene(
    title="a name server that takes its time",
    topology=routed,
    serve=all_of(names("--think", "3.2"), web),
    work=curl("--max-time", "12", at=lambda _: NAME),
    truth=Truth(fault="dns_timeout"),
    mechanism="stand-in",
    hits="its service",
)
