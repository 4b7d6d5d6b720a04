"""Segments of layer 2: a switch nobody can look into, and ends that need no router."""

from lastseen.lab.lab import Lab, Link
from lastseen.lab.parameters import Parameters

__all__ = ["address_ends", "bridge", "join"]


def join(lab: Lab, switch: str, *ends: str) -> None:
    """Connect interfaces ("node:interface", made here) by a switch: a hidden node, called `lab_...`."""
    ports = [f"p{number}" for number in range(len(ends))]
    for port, end in zip(ports, ends, strict=True):
        node, _, interface = end.partition(":")
        lab.link(Link(node, interface, switch, port))
    bridge(lab, switch, *ports)


def bridge(lab: Lab, node: str, *ports: str) -> None:
    """A Linux bridge br0 of these interfaces of the node."""
    commands = [
        "link add br0 type bridge",
        "link set br0 up",
        *(f"link set {port} master br0" for port in ports),
    ]
    lab.node(node).ip("\n".join(commands))


def address_ends(lab: Lab, parameters: Parameters) -> None:
    """Addresses of remote:w0 and vm:t1, which see each other at layer 2."""
    lab.node("remote").ip(
        f"addr add {parameters.remote}/24 dev w0\nroute add {parameters.vm_net}.0/24 dev w0"
    )
    lab.node("vm").ip(f"addr add {parameters.vm}/24 dev t1\nroute add default dev t1")
