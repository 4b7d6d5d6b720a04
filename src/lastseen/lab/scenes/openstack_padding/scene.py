"""The case study's fault on OpenStack's path: the server's FIN is padded, crosses the tunnel, and is called invalid.

Hidden rules leave the packet's buffer untrimmed where it enters the Linux bridge; the judgement is the kernel's.
Open vSwitch's own userspace conntrack does not have the bug, so the judging hop is the bridge's.
"""

from functools import partial

from lastseen.lab.arming import all_of, sysctl, untrimmed
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.openstack import openstack
from lastseen.lab.workloads import closes_apart, php

__all__ = ["SCENE"]

SCENE = Scene(
    title="the case study: PHP stalls on OpenStack's path",
    topology=partial(openstack, wire=("--pad",)),
    arm=all_of(sysctl("remote", "net.ipv4.tcp_timestamps=0"), untrimmed("compute", "qvb1")),
    serve=closes_apart,
    work=php(),
    truth=Truth(
        fault="ovs_conntrack_padding", accept=("dataplane_padding",), hop=("compute_qvb1", "compute_tap1")
    ),
    root=True,
)
