"""A flow of the security group drops what the VM sends to the server's port; a service at another port works."""

from lastseen.lab.arming import all_of, flows
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.ovs_firewall import ovs_firewall
from lastseen.lab.workloads import client, curl, first, next_port, web

__all__ = ["SCENE"]

SCENE = Scene(
    title="a flow of the security group drops a port",
    topology=ovs_firewall,
    arm=flows("compute", "table=72,priority=77,tcp,tp_dst=$port,actions=drop"),
    serve=all_of(web, next_port(web)),
    work=first(next_port(client("get")), curl("--max-time", "4")),
    truth=Truth(fault="firewall_deny", hop=("compute_tap1", "compute_ens3"), needs=("dump-flows",)),
    root=True,
)
