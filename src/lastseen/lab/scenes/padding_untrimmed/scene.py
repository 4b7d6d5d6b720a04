"""Conntrack sees the Ethernet padding of short packets and calls their checksums wrong.

Hidden rules leave the packet's buffer untrimmed; the judgement is the kernel's.
"""

from functools import partial

from lastseen.lab.arming import all_of, sysctl, untrimmed
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import closes_apart, php

__all__ = ["SCENE"]

SCENE = Scene(
    title="padded short packets judged invalid",
    topology=partial(routed, wire=("--pad",)),
    arm=all_of(sysctl("remote", "net.ipv4.tcp_timestamps=0"), untrimmed("compute", "w1")),
    serve=closes_apart,
    work=php(),
    truth=Truth(
        fault="ovs_conntrack_padding", accept=("dataplane_padding",), hop=("compute_w1", "compute_t0")
    ),
    hits="some packets",
)
