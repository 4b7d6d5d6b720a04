"""The VM sends with a TTL of 1."""

from lastseen.lab.arming import sysctl
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import curl, web

__all__ = ["SCENE"]

SCENE = Scene(
    title="a TTL that runs out",
    topology=routed,
    arm=sysctl("vm", "net.ipv4.ip_default_ttl=1"),
    serve=web,
    work=curl("--max-time", "4"),
    truth=Truth(fault="ttl_expiry", hop=("compute_t0", "compute_w1"), needs=("ip_addr", "ip_route")),
)
