"""member1, member2 - balancer - vm: one address, whose connections the balancer deals to two members by DNAT.

Points: member1:m0, member2:m0, balancer:w1 (members' side), balancer:t0, vm:t1.
"""

from collections.abc import Callable

from lastseen.lab.lab import Lab, Link
from lastseen.lab.parameters import Parameters, filled
from lastseen.lab.topologies.segments import join

__all__ = ["ADDRESSES", "balanced"]

ADDRESSES: dict[str, Callable[[Parameters], str]] = {
    "member1": lambda parameters: f"{parameters.remote_net}.11",
    "member2": lambda parameters: f"{parameters.remote_net}.12",
}
"""Where each member listens."""
_DEALT = """
table ip balancer {
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    ip daddr $remote counter dnat to numgen inc mod 2 map { 0 : $remote_net.11, 1 : $remote_net.12 }
  }
}
"""


def balanced(lab: Lab, parameters: Parameters, *, offload: bool = False) -> None:
    """Build it; the members share a switch with the balancer."""
    join(lab, "lab_switch", "member1:m0", "member2:m0", "balancer:w1")
    lab.link(Link("balancer", "t0", "vm", "t1"), offload=offload)
    net = parameters.remote_net
    for name, address in ADDRESSES.items():
        lab.node(name).ip(f"addr add {address(parameters)}/24 dev m0\nroute add default via {net}.1")
    lab.node("balancer").ip(
        f"addr add {net}.1/24 dev w1\naddr add {parameters.remote}/32 dev w1\n"
        f"addr add {parameters.gateway}/24 dev t0"
    )
    lab.node("balancer").sysctl("net.ipv4.ip_forward=1")
    lab.node("vm").ip(f"addr add {parameters.vm}/24 dev t1\nroute add default via {parameters.gateway}")
    lab.node("balancer").nft(filled(_DEALT, parameters))
    lab.tracked.add("balancer")
    lab.watch("member1:m0", "member2:m0", "balancer:w1", "balancer:t0", "vm:t1")
