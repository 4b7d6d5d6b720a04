"""Nothing is wrong: a hypervisor merges the segments that come in (GRO) and cuts them again where they leave."""

from lastseen.lab.arming import all_of, run
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="segments merged on the way",
    topology=routed,
    arm=all_of(run("compute", "ethtool -K w1 gro on"), run("compute", "ethtool -K t0 gro on")),
    serve=server("--bytes", 300_000),
    work=curl("--max-time", "6"),
    truth=Truth(fault=None, healthy=True),
)
