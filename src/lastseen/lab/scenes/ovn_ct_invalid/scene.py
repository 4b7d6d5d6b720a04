"""The server's FINs carry wrong checksums: OVN drops everything its connection tracking calls invalid."""

from lastseen.lab.arming import all_of, bad_card, sysctl
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.ovn import ovn
from lastseen.lab.workloads import closes_apart, php

__all__ = ["SCENE"]

SCENE = Scene(
    title="OVN drops short packets with wrong checksums",
    topology=ovn,
    arm=all_of(sysctl("remote", "net.ipv4.tcp_timestamps=0"), bad_card("remote", "eth0")),
    serve=closes_apart,
    work=php(),
    truth=Truth(
        fault="packet_corruption", accept=("tx_checksum_broken",), hop=("netnode_ens4", "netnode_ens3")
    ),
    mechanism="stand-in",
    root=True,
)
