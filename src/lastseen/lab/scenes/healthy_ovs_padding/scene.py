"""The case study's page where the switch itself tracks connections, in user space: it knows padding from payload."""

from functools import partial

from lastseen.lab.arming import sysctl
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.ovs_firewall import ovs_firewall
from lastseen.lab.workloads import php, web

__all__ = ["SCENE"]

SCENE = Scene(
    title="padded packets through Open vSwitch's own conntrack, nothing wrong",
    topology=partial(ovs_firewall, wire=("--pad",)),
    arm=sysctl("remote", "net.ipv4.tcp_timestamps=0"),
    serve=web,
    work=php(),
    truth=Truth(fault=None, healthy=True),
    root=True,
)
