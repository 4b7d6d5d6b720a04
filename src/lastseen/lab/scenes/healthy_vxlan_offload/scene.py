"""Nothing is wrong: a page through a VXLAN tunnel, with all offloads on."""

from functools import partial

from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.vxlan import vxlan
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="a page through a VXLAN tunnel, offloads on",
    topology=partial(vxlan, offload=True),
    serve=server("--bytes", 60_000),
    work=curl(),
    truth=Truth(fault=None, healthy=True),
)
