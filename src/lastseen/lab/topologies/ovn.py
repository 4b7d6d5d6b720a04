"""remote - (wire) - network node = Geneve = compute - vm, switched by OVN: two chassis, one logical switch, ACLs.

The remote end's cable and the VM's tap are logical ports; the tunnels are OVN's own, and so are all flows. The hosts
also have a management network, over which both reach the databases on the network node.

Points: remote:eth0, netnode:ens4, netnode:ens3, compute:ens3, compute:tap1, vm:eth0.
"""

from lastseen.lab.lab import Lab, Link
from lastseen.lab.ovn import bind_port, start_central, start_chassis
from lastseen.lab.parameters import Parameters
from lastseen.lab.switches import add_ports
from lastseen.lab.topologies.openstack import COMPUTE, NETNODE, REMOTE_MAC, VM_MAC, address_ends, stack_hosts

__all__ = ["SWITCH", "ovn"]

SWITCH = "tenant"
POINTS = ("remote:eth0", "netnode:ens4", "netnode:ens3", "compute:ens3", "compute:tap1", "vm:eth0")
MANAGEMENT = {"netnode": "192.168.24.1", "compute": "192.168.24.2"}
ACLS = (
    ("from-lport", "1002", 'inport == "vm" && ip4', "allow-related"),
    ("to-lport", "1001", 'outport == "vm" && ip', "drop"),
)
"""Neutron's default group: the VM may open connections and takes none."""


def ovn(lab: Lab, parameters: Parameters, *, wire: tuple[str, ...] | None = None) -> None:
    """Build it. `wire`: options of a cable in user space on the provider network."""
    stack_hosts(lab, parameters, wire=wire)
    lab.link(Link("netnode", "mgmt0", "compute", "mgmt0"), Link("compute", "tap1", "vm", "eth0"))
    for name, address in MANAGEMENT.items():
        lab.node(name).ip(f"addr add {address}/24 dev mgmt0")
    add_ports(lab, "compute", "br-int", "tap1")
    start_central(lab, "netnode", at=MANAGEMENT["netnode"], switch=SWITCH)
    for tunnel in (NETNODE, COMPUTE):
        start_chassis(lab, tunnel.name, central=MANAGEMENT["netnode"], encapsulation=tunnel.own)
    bind_port(lab, "netnode", "ens4", "remote")
    bind_port(lab, "compute", "tap1", "vm")
    _logical(lab, parameters)
    address_ends(lab, parameters)
    lab.watch(*POINTS)


def _logical(lab: Lab, parameters: Parameters) -> None:
    """The logical switch with both ports and the ACLs, in force on both chassis."""
    central = lab.node("netnode")
    words = ["ls-add", SWITCH]
    for port, mac, address in (("remote", REMOTE_MAC, parameters.remote), ("vm", VM_MAC, parameters.vm)):
        words += ["--", "lsp-add", SWITCH, port, "--", "lsp-set-addresses", port, f"{mac} {address}"]
    for acl in ACLS:
        words += ["--", "acl-add", SWITCH, *acl]
    central.run("ovn-nbctl", *words)
    central.run("ovn-nbctl", "--wait=hv", "--timeout=60", "sync")
    lab.until(
        lambda: central.run("ovn-nbctl", "lsp-get-up", "vm").strip() == "up", "OVN to bind the VM's port"
    )
