"""The VM's network has an MTU of 1500, and the tunnel below it carries 1450: full packets vanish without a word."""

from functools import partial

from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.openstack import openstack
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

FULL_PACKETS = ("--bytes", 3 * 1448, "--pieces", 3, "--pause", 0.05, "--keep-open", 20)
"""Full packets one by one: the switch sends nothing more of a batch that holds one too large, not even small ones."""

SCENE = Scene(
    title="a tenant MTU too large for the tunnel",
    topology=partial(openstack, tenant_mtu=1500),
    serve=server(*FULL_PACKETS),
    work=curl("--max-time", "4"),
    truth=Truth(fault="l2_mtu_mismatch", hop=("netnode_ens4", "netnode_ens3"), seems=("path_mtu_blackhole",)),
    root=True,
)
