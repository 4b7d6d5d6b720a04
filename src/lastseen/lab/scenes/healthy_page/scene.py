"""Nothing is wrong: PHP reads a page through a routed hypervisor."""

from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import php, web

__all__ = ["SCENE"]

SCENE = Scene(
    title="a page by PHP, nothing wrong",
    topology=routed,
    serve=web,
    work=php(),
    truth=Truth(fault=None, healthy=True),
)
