"""remote - (router1 | router2) - compute - vm: a route with two equal next hops, chosen by addresses and ports.

The answers come by router1. Points: remote:w0, compute:w1, compute:t0, vm:t1.
"""

from lastseen.lab.lab import Lab, Link
from lastseen.lab.parameters import Parameters
from lastseen.lab.topologies.segments import join

__all__ = ["multipath"]


def multipath(lab: Lab, parameters: Parameters) -> None:
    """Build it."""
    join(lab, "lab_near", "router1:n0", "router2:n0", "compute:w1")
    join(lab, "lab_far", "router1:f0", "router2:f0", "remote:w0")
    lab.link(Link("compute", "t0", "vm", "t1"))
    far, vm = parameters.remote_net, parameters.vm_net
    for number in (1, 2):
        lab.node(f"router{number}").ip(
            f"addr add 172.31.0.{number}/24 dev n0\naddr add {far}.{number}/24 dev f0\n"
            f"route add {vm}.0/24 via 172.31.0.9"
        )
        lab.node(f"router{number}").sysctl("net.ipv4.ip_forward=1")
    lab.node("remote").ip(f"addr add {parameters.remote}/24 dev w0\nroute add default via {far}.1")
    lab.node("compute").ip(
        f"addr add 172.31.0.9/24 dev w1\naddr add {vm}.1/24 dev t0\n"
        f"route add {far}.0/24 nexthop via 172.31.0.1 nexthop via 172.31.0.2"
    )
    lab.node("compute").sysctl("net.ipv4.ip_forward=1", "net.ipv4.fib_multipath_hash_policy=1")
    lab.node("vm").ip(f"addr add {parameters.vm}/24 dev t1\nroute add default via {vm}.1")
    lab.watch("remote:w0", "compute:w1", "compute:t0", "vm:t1")
