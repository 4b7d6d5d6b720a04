"""A second way from the VM to the remote end of the routed lab, by a router nobody captures on: requests take it."""

from lastseen.lab.lab import Lab, Link
from lastseen.lab.parameters import Parameters

__all__ = ["second_way"]


def second_way(lab: Lab, parameters: Parameters) -> None:
    """A router beside the hypervisor, and the VM's route by it; answers come back by the hypervisor."""
    lab.link(Link("vm", "t2", "router", "r0"), Link("router", "r1", "remote", "w2"))
    lab.node("vm").ip("addr add 172.16.1.5/24 dev t2\nroute replace default via 172.16.1.1")
    lab.node("vm").ip(f"route replace {parameters.remote_net}.0/24 via 172.16.1.1 src {parameters.vm}")
    lab.node("router").ip("addr add 172.16.1.1/24 dev r0\naddr add 172.16.2.1/24 dev r1")
    lab.node("router").ip(f"route add {parameters.remote} via 172.16.2.9")
    lab.node("router").sysctl("net.ipv4.ip_forward=1")
    lab.node("remote").ip("addr add 172.16.2.9/24 dev w2")
