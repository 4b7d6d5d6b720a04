"""remote - (wire) - compute - vm with IPv4 and IPv6: the routed lab, and the same addresses and rules for IPv6.

Points: as in the routed lab.
"""

from lastseen.lab.lab import Lab
from lastseen.lab.parameters import Parameters
from lastseen.lab.topologies.routed import SECURITY_GROUP, routed

__all__ = ["ENABLED", "routed6"]

_GROUP6 = SECURITY_GROUP.replace("table ip ", "table ip6 ").replace(
    "    ct state invalid",
    "    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept\n    ct state invalid",
)
ENABLED = tuple(
    f"net.ipv6.conf.{of}.{word}"
    for of in ("all", "default")
    for word in ("disable_ipv6=0", "accept_dad=0", "router_solicitations=0", "accept_ra=0")
)
"""Addresses are ready at once (no RFC 4862 detection), and nobody asks for routers."""


def routed6(
    lab: Lab,
    parameters: Parameters,
    *,
    wire: tuple[str, ...] | None = None,
    offload: bool = False,
) -> None:
    """Build it. `wire`: options of the user-space cable between remote and compute; None: a plain veth."""
    for name in ("remote", "compute", "vm"):
        lab.node(name).sysctl(*ENABLED)
    routed(lab, parameters, wire=wire, offload=offload)
    remote, vm = parameters.remote_net6, parameters.vm_net6
    lab.node("remote").ip(f"addr add {parameters.remote6}/64 dev w0 nodad\nroute add default via {remote}:1")
    lab.node("compute").ip(f"addr add {remote}:1/64 dev w1 nodad\naddr add {vm}::1/64 dev t0 nodad")
    lab.node("compute").sysctl("net.ipv6.conf.all.forwarding=1")
    lab.node("vm").ip(f"addr add {parameters.vm6}/64 dev t1 nodad\nroute add default via {vm}::1")
    lab.node("compute").nft(_GROUP6)
