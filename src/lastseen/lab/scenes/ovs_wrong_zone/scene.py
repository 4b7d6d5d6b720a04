"""Answers are tracked in another zone than what they answer."""

from functools import partial

from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.ovs_firewall import FLOWS, ovs_firewall
from lastseen.lab.workloads import curl, web

__all__ = ["SCENE"]

SCENE = Scene(
    title="answers tracked in the wrong zone",
    topology=partial(ovs_firewall, flows=FLOWS.replace("ct(table=82,zone=1)", "ct(table=82,zone=2)")),
    serve=web,
    work=curl("--max-time", "4"),
    truth=Truth(fault=None, accept=(None,), hop=("compute_ens3", "compute_tap1")),
    root=True,
)
