"""The switch tracks few connections at most: of those beyond, the answers belong to nothing."""

from lastseen.lab.arming import run
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.ovs_firewall import ovs_firewall
from lastseen.lab.workloads import client, web

__all__ = ["SCENE"]

SCENE = Scene(
    title="a switch that tracks few connections",
    topology=ovs_firewall,
    arm=run("compute", "ovs-appctl dpctl/ct-set-maxconns 4"),
    serve=web,
    work=client("crowd", "--count", 10, "--rest", 3, "--timeout", 4),
    truth=Truth(fault="conntrack_table_full", accept=(None,), hop=("compute_ens3", "compute_tap1")),
    root=True,
)
