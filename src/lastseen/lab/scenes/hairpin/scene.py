"""A client asks a server of its own network by the floating address, and the answer takes the short way.

The gateway translates the destination only, so the server answers the client directly, with its own address.
"""

from lastseen.lab.lab import Lab, Link
from lastseen.lab.parameters import Parameters, filled
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.segments import join
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE", "hairpin"]

RULES = """
table ip nat {
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    ip daddr $floating counter dnat to $vm_net.7
  }
}
"""


def hairpin(lab: Lab, parameters: Parameters) -> None:
    """server, gateway and vm on one switch."""
    join(lab, "lab_switch", "server:s1", "gateway:t0", "vm:t1")
    lab.link(Link("gateway", "w1", "outside", "w0"))
    net = parameters.vm_net
    lab.node("server").ip(f"addr add {net}.7/24 dev s1\nroute add default via {net}.1")
    lab.node("vm").ip(f"addr add {net}.5/24 dev t1\nroute add default via {net}.1")
    lab.node("gateway").ip(f"addr add {net}.1/24 dev t0\naddr add {parameters.floating}/32 dev w1")
    lab.node("gateway").sysctl(
        "net.ipv4.ip_forward=1", "net.ipv4.conf.all.send_redirects=0", "net.ipv4.conf.t0.send_redirects=0"
    )
    lab.node("gateway").nft(filled(RULES, parameters))
    lab.tracked.add("gateway")
    lab.watch("server:s1", "gateway:t0", "vm:t1")


SCENE = Scene(
    title="an answer that does not come back through the translation",
    topology=hairpin,
    serve=server(node="server", at=lambda p: f"{p.vm_net}.7"),
    work=curl("--max-time", "4", at=lambda p: p.floating),
    beside_at=lambda p: p.floating,
    truth=Truth(fault=None, accept=(None,)),
)
