"""remote - (wire) - network node = Geneve = compute - vm: OpenStack's hybrid path, with real Open vSwitch on both.

The compute host leads from its switch through a veth pair (qvo, qvb) and a Linux bridge (qbr) to the VM's tap, as
Neutron's hybrid plug does: the security group is the bridge's, with br_netfilter and the kernel's conntrack. The
switches have the userspace datapath, so there is no tunnel device: the tunnel is seen on the underlay.

Points: remote:eth0, netnode:ens4 (provider network), netnode:ens3 and compute:ens3 (underlay), compute:qvo1,
compute:qvb1, compute:tap1, vm:eth0; with a bridge on the provider network also netnode:qg0.
"""

from lastseen.lab.lab import Lab, Link
from lastseen.lab.parameters import Parameters, filled
from lastseen.lab.switches import Tunnel, add_bridge, add_ports, add_tunnel, add_underlay, start_switch
from lastseen.lab.topologies.routed import lay_cable
from lastseen.lab.topologies.segments import BRIDGE_SECURITY_GROUP, bridge

__all__ = [
    "COMPUTE",
    "NETNODE",
    "REMOTE_MAC",
    "TENANT_MTU",
    "VM_MAC",
    "address_ends",
    "openstack",
    "stack_hosts",
]

TENANT_MTU = 1442
"""Neutron's for Geneve over 1500 bytes: IP 20, UDP 8, Geneve 8 with an option of 8, inner Ethernet 14 less."""
NETNODE = Tunnel(name="netnode", interface="ens3", own="172.31.0.1", peer="172.31.0.2")
COMPUTE = Tunnel(name="compute", interface="ens3", own="172.31.0.2", peer="172.31.0.1")
REMOTE_MAC, VM_MAC = "00:25:90:1a:2b:3c", "fa:16:3e:1a:2b:3c"
POINTS = (
    "remote:eth0", "netnode:ens4", "netnode:ens3", "compute:ens3", "compute:qvo1", "compute:qvb1", "compute:tap1",
    "vm:eth0",
)  # fmt: skip


def openstack(
    lab: Lab,
    parameters: Parameters,
    *,
    wire: tuple[str, ...] | None = None,
    offload: bool = False,
    tenant_mtu: int = TENANT_MTU,
    tunnels: tuple[Tunnel, Tunnel] = (NETNODE, COMPUTE),
    provider_bridge: bool = False,
) -> None:
    """Build it. `wire`: options of a cable in user space on the provider network; `offload`: that of the VM's card.

    `provider_bridge`: a Linux bridge with the same security group lies between the cable and the network node's switch.
    """
    stack_hosts(lab, parameters, wire=wire, tunnels=tunnels, provider="qp0" if provider_bridge else "ens4")
    for tunnel in tunnels:
        add_tunnel(lab, tunnel)
    lab.link(Link("compute", "qvo1", "compute", "qvb1"))
    lab.link(Link("compute", "tap1", "vm", "eth0"), offload=offload)
    compute = lab.node("compute")
    bridge(lab, "compute", "qvb1", "tap1", name="qbr1")
    add_ports(lab, "compute", "br-int", "qvo1")
    compute.sysctl("net.bridge.bridge-nf-call-iptables=1")
    compute.nft(filled(BRIDGE_SECURITY_GROUP, parameters))
    lab.tracked.add("compute")
    address_ends(lab, parameters, mtu=tenant_mtu)
    if provider_bridge:
        _bridge_provider(lab, parameters)
    lab.watch(*POINTS[:2], *(["netnode:qg0"] if provider_bridge else []), *POINTS[2:])


def _bridge_provider(lab: Lab, parameters: Parameters) -> None:
    """The provider's side of the network node: cable, Linux bridge, and a veth whose other end is the switch's."""
    netnode = lab.node("netnode")
    bridge(lab, "netnode", "ens4", "qg0", name="brp")
    netnode.sysctl("net.bridge.bridge-nf-call-iptables=1")
    netnode.nft(filled(BRIDGE_SECURITY_GROUP, parameters))
    lab.tracked.add("netnode")


def stack_hosts(
    lab: Lab,
    parameters: Parameters,
    *,
    wire: tuple[str, ...] | None,
    tunnels: tuple[Tunnel, Tunnel] = (NETNODE, COMPUTE),
    provider: str = "ens4",
) -> None:
    """The remote end on the provider network, and both hosts with their switches and the network below the tunnel.

    `provider`: the switch's port towards the remote end; where it is not the cable itself, it is a veth's end.
    """
    lay_cable(lab, parameters, Link("remote", "eth0", "netnode", "ens4"), wire=wire)
    lab.link(Link("netnode", "ens3", "compute", "ens3"))
    for tunnel in tunnels:
        start_switch(lab, tunnel.name)
        add_bridge(lab, tunnel.name, "br-int")
    add_underlay(lab, *tunnels)
    if provider != "ens4":
        lab.link(Link("netnode", "qg0", "netnode", provider))
    add_ports(lab, "netnode", "br-int", provider)


def address_ends(lab: Lab, parameters: Parameters, *, mtu: int = TENANT_MTU) -> None:
    """Addresses of remote end and VM, which share one network at layer 2.

    They know each other's MAC from the start: where Neutron answers ARP on each host, it does not cross the tunnel.
    """
    ends = (("remote", REMOTE_MAC, parameters.remote), ("vm", VM_MAC, parameters.vm))
    for (name, mac, own), (_, other_mac, other) in zip(ends, reversed(ends), strict=True):
        lab.node(name).ip(
            f"link set eth0 address {mac}\naddr add {own}/24 dev eth0\nroute add {other} dev eth0\n"
            f"neigh replace {other} lladdr {other_mac} dev eth0 nud permanent"
        )
    lab.node("vm").ip(f"link set eth0 mtu {mtu}")
