"""A rule gives connections to the server a short life; the sysctls show nothing of it."""

from lastseen.lab.arming import all_of, rules, sysctl
from lastseen.lab.parameters import Range
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import client, server

__all__ = ["SCENE"]

RULES = """
table ip short_lives {
  ct timeout short {
    protocol tcp
    l3proto ip
    policy = { established : $remembered }
  }
  chain prerouting {
    type filter hook prerouting priority filter; policy accept;
    tcp dport $port ct state new ct timeout set "short"
  }
}
"""

SCENE = Scene(
    title="a rule that lets connections be forgotten",
    topology=routed,
    arm=all_of(sysctl("compute", "net.netfilter.nf_conntrack_tcp_loose=0"), rules("compute", RULES)),
    serve=server("--speak", "echo"),
    work=client("talk", "--count", 2, "--rest", 3.5, "--timeout", 4),
    beside="talk",
    ranges={"remembered": Range(plain=2, low=1, high=2)},
    truth=Truth(fault="stateful_idle_expiry", hop=("compute_t0", "compute_w1")),
)
