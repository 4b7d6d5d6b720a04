"""Conntrack sees the server's data and not what the client acknowledges: those packets leave by another router.

A flow that was moved to another path in one direction does that; here a hidden table marks what carries no data, and
the VM's rules send it the second way.
"""

from lastseen.lab.arming import all_of, ip, rules
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.topologies.second_way import second_way
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

MARKS = """
table ip lab_way {
  chain out {
    type route hook output priority mangle; policy accept;
    tcp flags ack / syn,ack,fin,rst,psh ip length < 90 meta mark set 7
  }
}
"""
WAYS = """
route del $remote_net.0/24
route replace default via $vm_net.1
route add default via 172.16.1.1 src $vm table 7
rule add fwmark 7 lookup 7
"""

SCENE = Scene(
    title="the client's acknowledgments take another way than its requests",
    topology=routed,
    arm=all_of(second_way, ip("vm", WAYS), rules("vm", MARKS)),
    serve=server("--bytes", 400_000),
    work=curl("--max-time", "5"),
    truth=Truth(fault="conntrack_out_of_window", hop=("compute_w1", "compute_t0")),
    hits="some packets",
)
