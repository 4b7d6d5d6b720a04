"""Requests leave by another router, so the hypervisor's conntrack sees answers only.

A SYN-ACK without its SYN is invalid.
"""

from lastseen.lab.lab import Lab, Link
from lastseen.lab.parameters import Parameters
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import curl, web

__all__ = ["SCENE"]


def arm(lab: Lab, parameters: Parameters) -> None:
    """A second router, and the VM's default route by it."""
    lab.link(Link("vm", "t2", "router", "r0"), Link("router", "r1", "remote", "w2"))
    lab.node("vm").ip("addr add 172.16.1.5/24 dev t2\nroute replace default via 172.16.1.1")
    lab.node("vm").ip(f"route replace {parameters.remote_net}.0/24 via 172.16.1.1 src {parameters.vm}")
    lab.node("router").ip("addr add 172.16.1.1/24 dev r0\naddr add 172.16.2.1/24 dev r1")
    lab.node("router").ip(f"route add {parameters.remote} via 172.16.2.9")
    lab.node("router").sysctl("net.ipv4.ip_forward=1")
    lab.node("remote").ip("addr add 172.16.2.9/24 dev w2")


SCENE = Scene(
    title="the answer comes back by another router",
    topology=routed,
    arm=arm,
    serve=web,
    work=curl("--max-time", "4"),
    truth=Truth(fault="asymmetric_route", hop=("compute_w1", "compute_t0")),
)
