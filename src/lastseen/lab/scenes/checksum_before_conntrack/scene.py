"""A cable flips a bit in some packets with data; conntrack finds them invalid."""

from functools import partial

from lastseen.lab.parameters import Range
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="a wire that flips bits",
    topology=partial(routed, wire=("--pad", "--corrupt", "$flipped_ratio", "--only", "data")),
    serve=server("--bytes", 60_000),
    work=curl("--max-time", "8"),
    ranges={"flipped_ratio": Range(plain=0.6, low=0.5, high=0.7, whole=False)},
    truth=Truth(fault="packet_corruption", accept=("tx_checksum_broken",), hop=("compute_w1", "compute_t0")),
    mechanism="stand-in",
    hits="some packets",
)
