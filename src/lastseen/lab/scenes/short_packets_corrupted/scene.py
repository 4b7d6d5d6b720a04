"""The server's short packets carry wrong TCP checksums: what the padding fault only pretends."""

from functools import partial

from lastseen.lab.arming import all_of, bad_card, sysctl
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import closes_apart, php

__all__ = ["SCENE"]

SCENE = Scene(
    title="short packets with really wrong checksums",
    topology=partial(routed, wire=("--pad",)),
    arm=all_of(sysctl("remote", "net.ipv4.tcp_timestamps=0"), bad_card("remote", "w0")),
    serve=closes_apart,
    work=php(),
    truth=Truth(fault="packet_corruption", accept=("tx_checksum_broken",), hop=("compute_w1", "compute_t0")),
    mechanism="stand-in",
    hits="some packets",
)
