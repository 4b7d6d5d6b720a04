"""The two ends of the tunnel have different keys: what arrives belongs to no port of the switch."""

from dataclasses import replace
from functools import partial

from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.openstack import COMPUTE, NETNODE, openstack
from lastseen.lab.workloads import curl, web

__all__ = ["SCENE"]

SCENE = Scene(
    title="a tunnel whose ends have different keys",
    topology=partial(openstack, tunnels=(NETNODE, replace(COMPUTE, key=8))),
    serve=web,
    work=curl("--max-time", "4"),
    truth=Truth(fault="tunnel_key_mismatch", needs=("ovs-vsctl",)),
    root=True,
)
