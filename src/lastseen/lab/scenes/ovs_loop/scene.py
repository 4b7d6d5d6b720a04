"""Two flows of the switch send the answers to each other until the switch gives up."""

from lastseen.lab.arming import flows
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.ovs_firewall import ovs_firewall
from lastseen.lab.workloads import curl, web

__all__ = ["SCENE"]

LOOP = """
table=0,priority=300,tcp,nw_dst=$vm,actions=resubmit(,90)
table=90,actions=resubmit(,91)
table=91,actions=resubmit(,90)
"""

SCENE = Scene(
    title="flows of a switch that go round in circles",
    topology=ovs_firewall,
    arm=flows("compute", LOOP),
    serve=web,
    work=curl("--max-time", "4"),
    truth=Truth(
        fault="ovs_recirculation_limit",
        accept=(None,),
        hop=("compute_ens3", "compute_tap1"),
        needs=("coverage",),
    ),
    root=True,
)
