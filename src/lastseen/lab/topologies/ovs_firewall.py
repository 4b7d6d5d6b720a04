"""remote - (wire) - network node = Geneve = compute - vm: the VM's tap in the switch, the security group as flows.

Neutron's Open vSwitch firewall in short: what the VM sends goes through connection tracking to table 72 (what it
may send) and 73 (commit), what is for it to table 82 (what it may receive). Conntrack is the switch's own, in user
space, and counts as Neutron has it: one zone a network.

Points: remote:eth0, netnode:ens4, netnode:ens3, compute:ens3, compute:tap1, vm:eth0.
"""

from lastseen.lab.lab import Lab, Link
from lastseen.lab.parameters import Parameters, filled
from lastseen.lab.switches import add_flows, add_ports, add_tunnel
from lastseen.lab.topologies.openstack import COMPUTE, NETNODE, address_ends, stack_hosts

__all__ = ["FLOWS", "ovs_firewall"]

POINTS = ("remote:eth0", "netnode:ens4", "netnode:ens3", "compute:ens3", "compute:tap1", "vm:eth0")

FLOWS = """
table=0,priority=100,in_port=tap1,actions=resubmit(,71)
table=0,priority=90,ip,nw_dst=$vm,actions=resubmit(,81)
table=71,priority=95,arp,in_port=tap1,arp_spa=$vm,actions=NORMAL
table=71,priority=65,ip,in_port=tap1,nw_src=$vm,actions=ct(table=72,zone=1)
table=71,priority=0,actions=drop
table=72,priority=50,ct_state=+inv+trk,actions=drop
table=72,priority=50,ct_state=+est-rel,ip,actions=NORMAL
table=72,priority=40,ct_state=+new-est,ip,actions=resubmit(,73)
table=72,priority=0,actions=drop
table=73,priority=90,ct_state=+new-est,ip,actions=ct(commit,zone=1),NORMAL
table=81,priority=100,ip,actions=ct(table=82,zone=1)
table=82,priority=50,ct_state=+inv+trk,actions=drop
table=82,priority=50,ct_state=+est-rel,ip,actions=output:tap1
table=82,priority=0,actions=drop
"""
"""The VM may open connections and takes none; replies belong to what it opened."""


def ovs_firewall(
    lab: Lab, parameters: Parameters, *, wire: tuple[str, ...] | None = None, flows: str = FLOWS
) -> None:
    """Build it. `wire`: options of a cable on the provider network; `flows`: those of the compute host's br-int."""
    stack_hosts(lab, parameters, wire=wire)
    for tunnel in (NETNODE, COMPUTE):
        add_tunnel(lab, tunnel)
    lab.link(Link("compute", "tap1", "vm", "eth0"))
    add_ports(lab, "compute", "br-int", "tap1")
    add_flows(lab, "compute", filled(flows, parameters))
    address_ends(lab, parameters)
    lab.watch(*POINTS)
