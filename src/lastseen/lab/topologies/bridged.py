"""remote - (wire) - compute - vm: a hypervisor that bridges, with a security group under the bridge (br_netfilter).

Points: remote:w0, compute:w1 and compute:t0 (ports of the bridge br0), vm:t1.
"""

from lastseen.lab.lab import Lab, Link
from lastseen.lab.parameters import Parameters, filled
from lastseen.lab.topologies.routed import lay_cable
from lastseen.lab.topologies.segments import address_ends, bridge

__all__ = ["bridged"]

SECURITY_GROUP = """
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
"""As that of the routed lab; below a bridge the interface of a packet is the bridge, so the VM is told by address."""


def bridged(
    lab: Lab,
    parameters: Parameters,
    *,
    wire: tuple[str, ...] | None = None,
    offload: bool = False,
    rules: str = SECURITY_GROUP,
) -> None:
    """Build it. `wire`: options of the user-space cable between remote and compute; None: a plain veth."""
    cable = None if wire is None else tuple(filled(option, parameters) for option in wire)
    lay_cable(lab, Link("remote", "w0", "compute", "w1"), wire=cable, offload=offload)
    lab.link(Link("compute", "t0", "vm", "t1"), offload=offload)
    bridge(lab, "compute", "w1", "t0")
    lab.node("compute").sysctl("net.bridge.bridge-nf-call-iptables=1")
    address_ends(lab, parameters)
    lab.node("compute").nft(filled(rules, parameters))
    lab.tracked.add("compute")
    lab.watch("remote:w0", "compute:w1", "compute:t0", "vm:t1")
