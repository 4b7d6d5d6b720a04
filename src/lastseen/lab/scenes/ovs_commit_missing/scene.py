"""The flow that commits new connections is not there: every answer belongs to nothing."""

from functools import partial

from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.ovs_firewall import FLOWS, ovs_firewall
from lastseen.lab.workloads import curl, web

__all__ = ["SCENE"]

SCENE = Scene(
    title="a security group that does not commit connections",
    topology=partial(ovs_firewall, flows=FLOWS.replace("ct(commit,zone=1),NORMAL", "NORMAL")),
    serve=web,
    work=curl("--max-time", "4"),
    truth=Truth(fault=None, accept=(None,), hop=("compute_ens3", "compute_tap1")),
    root=True,
)
