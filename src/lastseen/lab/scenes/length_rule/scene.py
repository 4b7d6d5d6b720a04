"""A rule drops packets below 46 bytes: the same captures as the padding fault, another cause."""

from functools import partial

from lastseen.lab.arming import all_of, rules, sysctl
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import closes_apart, php

__all__ = ["SCENE"]

RULES = """
table ip acl {
  chain forward {
    type filter hook forward priority filter - 10; policy accept;
    iifname "w1" ip protocol tcp ip length < 46 counter drop
  }
}
"""

SCENE = Scene(
    title="a firewall rule drops the shortest packets",
    topology=partial(routed, wire=("--pad",)),
    arm=all_of(sysctl("remote", "net.ipv4.tcp_timestamps=0"), rules("compute", RULES)),
    serve=closes_apart,
    work=php(),
    truth=Truth(fault="firewall_deny", hop=("compute_w1", "compute_t0"), needs=("nft",)),
    hits="some packets",
)
