"""The name server takes its time to answer; the page is there at once."""

from lastseen.lab.arming import all_of
from lastseen.lab.parameters import Range
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import NAME, curl, names, web

__all__ = ["SCENE"]

SCENE = Scene(
    title="a name server that takes its time",
    topology=routed,
    serve=all_of(names("--think", "$think_s"), web),
    work=curl("--max-time", "12", at=lambda _: NAME),
    ranges={"think_s": Range(plain=3.2, low=2.5, high=3.8, whole=False)},
    truth=Truth(fault="dns_timeout"),
    mechanism="stand-in",
    hits="its service",
)
