"""The VM leaves checksums to its card, and nothing computes them; the server's TCP drops what arrives."""

from functools import partial

from lastseen.lab.arming import all_of, run
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import curl, web

__all__ = ["SCENE"]

SCENE = Scene(
    title="checksums that nobody computes",
    topology=partial(routed, wire=()),
    arm=all_of(run("vm", "ethtool -K t1 tx on"), run("compute", "ethtool -K w1 tx on")),
    serve=web,
    work=curl("--max-time", "4"),
    truth=Truth(
        fault="tx_checksum_broken", accept=("checksum_partial_leak", "packet_corruption"), needs=("nstat",)
    ),
)
