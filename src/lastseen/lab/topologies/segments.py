"""Segments of layer 2: a switch nobody can look into, and ends that need no router."""

from lastseen.lab.lab import Lab, Link
from lastseen.lab.parameters import Parameters

__all__ = ["BRIDGE_SECURITY_GROUP", "address_ends", "bridge", "join"]

BRIDGE_SECURITY_GROUP = """
table ip sg {
  chain forward {
    type filter hook forward priority filter; policy accept;
    ct state invalid counter drop
    ct state established,related counter accept
    ip saddr $vm ct state new counter accept
    counter drop
  }
}
"""
"""As that of the routed lab, and what Neutron's iptables firewall comes to for a VM that takes no connections. Below a
bridge the interface of a packet is the bridge, so the VM is told by its address."""


def join(lab: Lab, switch: str, *ends: str) -> None:
    """Connect interfaces ("node:interface", made here) by a switch: a hidden node, called `lab_...`."""
    ports = [f"p{number}" for number in range(len(ends))]
    for port, end in zip(ports, ends, strict=True):
        node, _, interface = end.partition(":")
        lab.link(Link(node, interface, switch, port))
    bridge(lab, switch, *ports)


def bridge(lab: Lab, node: str, *ports: str, name: str = "br0") -> None:
    """A Linux bridge of these interfaces of the node."""
    commands = [
        f"link add {name} type bridge",
        f"link set {name} up",
        *(f"link set {port} master {name}" for port in ports),
    ]
    lab.node(node).ip("\n".join(commands))


def address_ends(lab: Lab, parameters: Parameters) -> None:
    """Addresses of remote:w0 and vm:t1, which see each other at layer 2."""
    lab.node("remote").ip(
        f"addr add {parameters.remote}/24 dev w0\nroute add {parameters.vm_net}.0/24 dev w0"
    )
    lab.node("vm").ip(f"addr add {parameters.vm}/24 dev t1\nroute add default dev t1")
