"""Nothing is wrong: answers come in where requests do not go out, and the reverse path filter is a loose one."""

from functools import partial

from lastseen.lab.arming import all_of, sysctl
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.topologies.second_way import second_way
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="two ways and a loose reverse path filter",
    topology=partial(routed, rules=""),
    arm=all_of(
        second_way,
        sysctl("vm", "net.ipv4.conf.all.rp_filter=2"),
        sysctl("remote", "net.ipv4.conf.all.rp_filter=2"),
    ),
    serve=server("--bytes", 30_000),
    work=curl("--max-time", "6"),
    truth=Truth(fault=None, healthy=True),
)
