"""The VM sends from an address whose way back leads elsewhere."""

from lastseen.lab.arming import all_of, ip, sysctl
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import curl, web

__all__ = ["SCENE"]

SCENE = Scene(
    title="a source that the reverse path filter refuses",
    topology=routed,
    arm=all_of(
        ip("vm", "addr add 172.31.9.5/32 dev t1"),
        sysctl("vm", "net.ipv4.conf.all.arp_announce=2"),
        ip("compute", "route add 172.31.9.0/24 via $remote"),
        sysctl("compute", "net.ipv4.conf.all.rp_filter=1", "net.ipv4.conf.t0.rp_filter=1"),
    ),
    serve=web,
    work=curl("--interface", "172.31.9.5", "--max-time", "4"),
    truth=Truth(
        fault="reverse_path_filter", hop=("compute_t0", "compute_w1"), needs=("nstat", "ip_addr", "ip_route")
    ),
)
