"""The VM has a wrong neighbour entry for its gateway."""

from lastseen.lab.arming import ip
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import curl, web

__all__ = ["SCENE"]

SCENE = Scene(
    title="a neighbour entry that is wrong",
    topology=routed,
    arm=ip("vm", "neigh replace ${vm_net}.1 lladdr 02:00:00:00:00:99 dev t1 nud permanent"),
    serve=web,
    work=curl("--max-time", "4"),
    truth=Truth(fault="wrong_mac", hop=("compute_t0", "compute_w1"), needs=("ip_addr", "ip_route")),
)
