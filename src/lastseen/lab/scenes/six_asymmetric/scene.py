"""IPv6 requests leave by another router, so the hypervisor's conntrack sees answers only."""

from lastseen.lab.lab import Lab, Link
from lastseen.lab.parameters import Parameters
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed6 import ENABLED, routed6
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]


def arm(lab: Lab, parameters: Parameters) -> None:
    """A second router, and the VM's way to the server by it."""
    lab.node("router").sysctl(*ENABLED)
    lab.link(Link("vm", "t2", "router", "r0"), Link("router", "r1", "remote", "w2"))
    lab.node("vm").ip(
        "addr add 2001:db8:a::5/64 dev t2 nodad\n"
        f"route add {parameters.remote6}/128 via 2001:db8:a::1 src {parameters.vm6}"
    )
    lab.node("router").ip(
        "addr add 2001:db8:a::1/64 dev r0 nodad\naddr add 2001:db8:b::1/64 dev r1 nodad\n"
        f"route add {parameters.remote6}/128 via 2001:db8:b::9"
    )
    lab.node("router").sysctl("net.ipv6.conf.all.forwarding=1")
    lab.node("remote").ip("addr add 2001:db8:b::9/64 dev w2 nodad")


SCENE = Scene(
    title="an IPv6 answer that comes back by another router",
    topology=routed6,
    arm=arm,
    serve=server(at=lambda p: p.remote6),
    work=curl("--max-time", "4", at=lambda p: p.remote6),
    beside_at=lambda p: p.remote6,
    truth=Truth(fault="asymmetric_route", hop=("compute_w1", "compute_t0"), needs=("ip_addr", "ip_route")),
)
