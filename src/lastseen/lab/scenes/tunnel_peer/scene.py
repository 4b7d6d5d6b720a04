"""The compute host's tunnel leads to an address that nobody has: no packet leaves the host."""

from dataclasses import replace
from functools import partial

from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.openstack import COMPUTE, NETNODE, openstack
from lastseen.lab.workloads import curl, web

__all__ = ["SCENE"]

SCENE = Scene(
    title="a tunnel to a peer that does not exist",
    topology=partial(openstack, tunnels=(NETNODE, replace(COMPUTE, peer="172.31.0.3"))),
    serve=web,
    work=curl("--max-time", "4"),
    truth=Truth(
        fault=None, accept=(None,), hop=("compute_qvo1", "compute_ens3"), needs=("ip_addr", "ip_route")
    ),
    root=True,
)
