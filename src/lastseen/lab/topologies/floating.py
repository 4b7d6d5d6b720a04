"""remote - (wire) - gateway - vm: a router that gives the VM a floating address, inwards by DNAT, outwards by SNAT.

Points: remote:w0, gateway:w1 (outside), gateway:t0 (inside), vm:t1.
"""

from lastseen.lab.lab import Lab, Link
from lastseen.lab.parameters import Parameters, filled
from lastseen.lab.topologies.routed import lay_cable

__all__ = ["TRANSLATION", "floating"]

TRANSLATION = """
table ip nat {
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    ip daddr $floating counter dnat to $vm
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "w1" ip saddr $vm counter snat to $floating
  }
}
table ip filter {
  chain forward {
    type filter hook forward priority filter; policy accept;
    ct state invalid counter drop
  }
}
"""


def floating(
    lab: Lab,
    parameters: Parameters,
    *,
    wire: tuple[str, ...] | None = None,
    offload: bool = False,
    rules: str = TRANSLATION,
) -> None:
    """Build it. `wire`: options of the user-space cable between remote and gateway; None: a plain veth."""
    lay_cable(lab, parameters, Link("remote", "w0", "gateway", "w1"), wire=wire, offload=offload)
    lab.link(Link("gateway", "t0", "vm", "t1"), offload=offload)
    lab.node("remote").ip(f"addr add {parameters.remote}/24 dev w0")
    lab.node("gateway").ip(
        f"addr add {parameters.remote_net}.1/24 dev w1\naddr add {parameters.floating}/32 dev w1\n"
        f"addr add {parameters.gateway}/24 dev t0"
    )
    lab.node("gateway").sysctl("net.ipv4.ip_forward=1")
    lab.node("vm").ip(f"addr add {parameters.vm}/24 dev t1\nroute add default via {parameters.gateway}")
    lab.node("gateway").nft(filled(rules, parameters))
    lab.tracked.add("gateway")
    lab.watch("remote:w0", "gateway:w1", "gateway:t0", "vm:t1")
