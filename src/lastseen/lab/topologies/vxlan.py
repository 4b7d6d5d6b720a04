"""remote - (wire) - netnode = VXLAN = compute - vm: two hosts whose bridges share one segment through a tunnel.

Points: remote:w0, netnode:w1 (port of its bridge), netnode:u0 and compute:u1 (underlay), compute:t0 (port of its
bridge), vm:t1.
"""

from lastseen.lab.lab import Lab, Link
from lastseen.lab.parameters import Parameters
from lastseen.lab.topologies.routed import lay_cable
from lastseen.lab.topologies.segments import address_ends, bridge

__all__ = ["vxlan"]

INNER_MTU = 1450
"""Of 1500 bytes IP, UDP, VXLAN (RFC 7348) and the inner Ethernet header take 50."""
NETNODE, COMPUTE = "172.31.0.1", "172.31.0.2"


def vxlan(
    lab: Lab,
    parameters: Parameters,
    *,
    wire: tuple[str, ...] | None = None,
    offload: bool = False,
    inner_mtu: int = INNER_MTU,
) -> None:
    """Build it. `wire`: a cable in user space between remote and netnode; `inner_mtu`: what both ends believe."""
    lay_cable(lab, parameters, Link("remote", "w0", "netnode", "w1"), wire=wire, offload=offload)
    lab.link(Link("netnode", "u0", "compute", "u1"), Link("compute", "t0", "vm", "t1"), offload=offload)
    _join_tunnel(lab, "netnode", "u0", port="w1", own=NETNODE, peer=COMPUTE)
    _join_tunnel(lab, "compute", "u1", port="t0", own=COMPUTE, peer=NETNODE)
    if not offload:  # packets it merges pass a port whose MTU each of them exceeds
        for name in ("netnode", "compute"):
            lab.node(name).run("ethtool", "-K", "vx0", "gro", "off")
    address_ends(lab, parameters)
    lab.node("remote").ip(f"link set w0 mtu {inner_mtu}")
    lab.node("vm").ip(f"link set t1 mtu {inner_mtu}")
    lab.watch("remote:w0", "netnode:w1", "netnode:u0", "compute:u1", "compute:t0", "vm:t1")


def _join_tunnel(lab: Lab, name: str, underlay: str, *, port: str, own: str, peer: str) -> None:
    """A host's end of the tunnel, as a port of its bridge."""
    lab.node(name).ip(
        f"addr add {own}/24 dev {underlay}\n"
        f"link add vx0 type vxlan id 7 dstport 4789 local {own} remote {peer}\n"
        "link set vx0 mtu 1500\nlink set vx0 up"
    )
    bridge(lab, name, port, "vx0")
