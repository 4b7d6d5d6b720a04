"""The server leaves checksums to a card, a relay in user space passes its packets on, and conntrack verifies them."""

from functools import partial

from lastseen.lab.arming import run
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import curl, web

__all__ = ["SCENE"]

SCENE = Scene(
    title="a relay that passes unfinished checksums on",
    topology=partial(routed, wire=()),
    arm=run("remote", "ethtool -K w0 tx on"),
    serve=web,
    work=curl("--max-time", "4"),
    truth=Truth(
        fault="checksum_partial_leak",
        accept=("tx_checksum_broken",),
        hop=("compute_w1", "compute_t0"),
        needs=("conntrack", "syslogemu"),
    ),
)
