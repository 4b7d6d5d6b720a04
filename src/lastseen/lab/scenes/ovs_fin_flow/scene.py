"""A flow drops the server's FINs: the case study's symptom without its cause."""

from lastseen.lab.arming import flows
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.ovs_firewall import ovs_firewall
from lastseen.lab.workloads import php, web

__all__ = ["SCENE"]

SCENE = Scene(
    title="a flow that drops FINs",
    topology=ovs_firewall,
    arm=flows("compute", "table=0,priority=200,tcp,nw_dst=$vm,tcp_flags=+fin,actions=drop"),
    serve=web,
    work=php(),
    truth=Truth(fault="firewall_deny", hop=("compute_ens3", "compute_tap1"), needs=("dump-flows",)),
    root=True,
)
