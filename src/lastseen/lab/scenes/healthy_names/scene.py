"""Nothing is wrong: a name is looked up, then a page."""

from lastseen.lab.arming import all_of
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import NAME, curl, names, web

__all__ = ["SCENE"]

SCENE = Scene(
    title="a name looked up, then a page",
    topology=routed,
    serve=all_of(names(), web),
    work=curl(at=lambda _: NAME),
    truth=Truth(fault=None, healthy=True),
)
