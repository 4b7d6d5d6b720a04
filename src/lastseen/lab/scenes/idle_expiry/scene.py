"""A connection rests longer than conntrack remembers it; the next request is dropped."""

from lastseen.lab.arming import sysctl
from lastseen.lab.parameters import Range
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import client, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="the firewall forgets a resting connection",
    topology=routed,
    arm=sysctl(
        "compute",
        "net.netfilter.nf_conntrack_tcp_loose=0",
        "net.netfilter.nf_conntrack_tcp_timeout_established=$remembered",
    ),
    serve=server("--speak", "echo"),
    work=client("talk", "--count", 2, "--rest", 3.5, "--timeout", 4),
    beside="talk",
    ranges={"remembered": Range(plain=2, low=1, high=2)},
    truth=Truth(fault="stateful_idle_expiry", hop=("compute_t0", "compute_w1")),
    hits="some packets",
)
