"""Requests leave by another router, so the hypervisor's conntrack sees answers only.

A SYN-ACK without its SYN is invalid.
"""

from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.topologies.second_way import second_way
from lastseen.lab.workloads import curl, web

__all__ = ["SCENE"]


SCENE = Scene(
    title="the answer comes back by another router",
    topology=routed,
    arm=second_way,
    serve=web,
    work=curl("--max-time", "4"),
    truth=Truth(fault="asymmetric_route", hop=("compute_w1", "compute_t0"), needs=("ip_addr", "ip_route")),
)
