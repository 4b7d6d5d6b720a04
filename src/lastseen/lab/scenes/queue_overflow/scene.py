"""A shaper with a short queue towards the VM."""

from lastseen.lab.arming import run
from lastseen.lab.parameters import Range
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

SCENE = Scene(
    title="a queue that is full",
    topology=routed,
    arm=run("compute", "tc qdisc add dev t0 root tbf rate ${rate_mbit}mbit burst 3kb limit 6kb"),
    serve=server("--bytes", 300_000),
    work=curl("--max-time", "8"),
    ranges={"rate_mbit": Range(plain=1, low=1, high=3)},
    truth=Truth(
        fault="queue_overflow", accept=("random_loss",), hop=("compute_w1", "compute_t0"), needs=("tc",)
    ),
    hits="some packets",
)
