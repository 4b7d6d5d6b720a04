"""The hypervisor asks who has the VM's IPv6 address, and the question never gets there."""

from lastseen.lab.arming import all_of, rules
from lastseen.lab.lab import Lab
from lastseen.lab.parameters import Parameters
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed6 import routed6
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

RULES = """
table netdev lab_switch {
  chain out {
    type filter hook egress device t0 priority 0; policy accept;
    icmpv6 type nd-neighbor-solicit drop
  }
}
"""


def know_the_router(lab: Lab, parameters: Parameters) -> None:
    """The VM knows its router, as a host that has run for a while does; the router no longer knows the VM."""
    mac = lab.node("compute").run("cat", "/sys/class/net/t0/address").strip()
    lab.node("vm").ip(f"neigh replace {parameters.vm_net6}::1 lladdr {mac} dev t1 nud permanent")
    lab.node("vm").ip(f"neigh replace {_link_local(lab)} lladdr {mac} dev t1 nud permanent")


def _link_local(lab: Lab) -> str:
    words = lab.node("compute").run("ip", "-6", "-o", "addr", "show", "dev", "t0", "scope", "link").split()
    return words[words.index("inet6") + 1].partition("/")[0]


SCENE = Scene(
    title="neighbour discovery that gets no answer",
    topology=routed6,
    arm=all_of(know_the_router, rules("compute", RULES)),
    serve=server(at=lambda p: p.remote6),
    work=curl("--max-time", "4", at=lambda p: p.remote6),
    beside_at=lambda p: p.remote6,
    truth=Truth(fault=None, accept=(None,), hop=("compute_w1", "compute_t0")),
    mechanism="stand-in",
)
