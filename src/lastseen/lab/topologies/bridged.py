"""remote - (wire) - compute - vm: a hypervisor that bridges, with a security group under the bridge (br_netfilter).

Points: remote:w0, compute:w1 and compute:t0 (ports of the bridge br0), vm:t1.
"""

from lastseen.lab.lab import Lab, Link
from lastseen.lab.parameters import Parameters, filled
from lastseen.lab.topologies.routed import lay_cable
from lastseen.lab.topologies.segments import BRIDGE_SECURITY_GROUP, address_ends, bridge

__all__ = ["bridged"]


def bridged(
    lab: Lab,
    parameters: Parameters,
    *,
    wire: tuple[str, ...] | None = None,
    offload: bool = False,
    rules: str = BRIDGE_SECURITY_GROUP,
) -> None:
    """Build it. `wire`: options of the user-space cable between remote and compute; None: a plain veth."""
    lay_cable(lab, parameters, Link("remote", "w0", "compute", "w1"), wire=wire, offload=offload)
    lab.link(Link("compute", "t0", "vm", "t1"), offload=offload)
    bridge(lab, "compute", "w1", "t0")
    lab.node("compute").sysctl("net.bridge.bridge-nf-call-iptables=1")
    address_ends(lab, parameters)
    lab.node("compute").nft(filled(rules, parameters))
    lab.tracked.add("compute")
    lab.watch("remote:w0", "compute:w1", "compute:t0", "vm:t1")
