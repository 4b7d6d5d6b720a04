"""A flow drops connections from every second source port only: some pages come, some do not."""

from lastseen.lab.arming import flows
from lastseen.lab.scene import Scene, Truth, Work
from lastseen.lab.topologies.ovs_firewall import ovs_firewall
from lastseen.lab.workloads import client, first, web

__all__ = ["SCENE"]


def _from_port(port: int) -> Work:
    return client("get", "--source-port", port, "--timeout", 4)


SCENE = Scene(
    title="a flow that drops some connections",
    topology=ovs_firewall,
    arm=flows("compute", "table=0,priority=200,tcp,in_port=tap1,tp_src=0x2/0x2,actions=drop"),
    serve=web,
    work=first(_from_port(40_001), first(_from_port(40_005), _from_port(40_002))),
    truth=Truth(
        fault="firewall_deny",
        accept=("ecmp_bad_member",),
        hop=("compute_tap1", "compute_ens3"),
        needs=("dump-flows",),
    ),
    root=True,
)
