"""The client closes its half, the server pauses, and conntrack forgets."""

from lastseen.lab.arming import sysctl
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import client, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="a half-closed connection that is forgotten",
    topology=routed,
    arm=sysctl(
        "compute",
        "net.netfilter.nf_conntrack_tcp_loose=0",
        "net.netfilter.nf_conntrack_tcp_timeout_close_wait=1",
        "net.netfilter.nf_conntrack_tcp_timeout_fin_wait=1",
    ),
    serve=server("--pieces", 2, "--pause", "4", "--bytes", 6000),
    work=client("half", "--timeout", 8),
    truth=Truth(
        fault="conntrack_half_close_expiry", hop=("compute_w1", "compute_t0"), seems=("slow_server",)
    ),
    hits="some packets",
)
