"""remote - (wire) - compute - vm: a hypervisor that routes, with a security group that tracks connections.

Points: remote:w0, compute:w1 (towards the remote), compute:t0 (the VM's tap), vm:t1.
"""

from lastseen.lab.lab import Lab, Link
from lastseen.lab.parameters import Parameters, filled

__all__ = ["SECURITY_GROUP", "lay_cable", "routed"]

SECURITY_GROUP = """
table ip sg {
  chain forward {
    type filter hook forward priority filter; policy accept;
    ct state invalid counter drop
    ct state established,related counter accept
    iifname "t0" ct state new counter accept
    counter drop
  }
}
"""
"""What a stateful security group comes to: only the VM may open connections."""

POINTS = ("remote:w0", "compute:w1", "compute:t0", "vm:t1")


def routed(
    lab: Lab,
    parameters: Parameters,
    *,
    wire: tuple[str, ...] | None = None,
    offload: bool = False,
    rules: str = SECURITY_GROUP,
) -> None:
    """Build it. `wire`: options of the user-space cable between remote and compute; None: a plain veth."""
    lay_cable(lab, parameters, Link("remote", "w0", "compute", "w1"), wire=wire, offload=offload)
    lab.link(Link("compute", "t0", "vm", "t1"), offload=offload)
    remote, vm = parameters.remote_net, parameters.vm_net
    lab.node("remote").ip(f"addr add {remote}.9/24 dev w0\nroute add default via {remote}.1")
    lab.node("compute").ip(f"addr add {remote}.1/24 dev w1\naddr add {vm}.1/24 dev t0")
    lab.node("compute").sysctl("net.ipv4.ip_forward=1")
    lab.node("vm").ip(f"addr add {vm}.5/24 dev t1\nroute add default via {vm}.1")
    if rules:
        lab.node("compute").nft(rules)
    lab.tracked.add("compute")
    lab.watch(*POINTS)


def lay_cable(
    lab: Lab, parameters: Parameters, link: Link, *, wire: tuple[str, ...] | None, offload: bool = False
) -> None:
    """A veth between two nodes, or two with a cable in user space between them, whose options are `wire`."""
    if wire is None:
        lab.link(link, offload=offload)
        return
    lab.link(
        Link(link.a, link.interface_a, "lab_wire", "left"),
        Link("lab_wire", "right", link.b, link.interface_b),
        offload=offload,
    )
    lab.serve("lab_wire", "wire", "left", "right", *(filled(option, parameters) for option in wire))
