"""More connections than ports to translate them to: the last ones get none."""

from functools import partial

from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.floating import TRANSLATION, floating
from lastseen.lab.workloads import client, web

__all__ = ["SCENE"]

FEW = TRANSLATION.replace(
    "counter snat to $floating", "meta l4proto tcp counter snat to $floating:20000-20003"
)
"""As a translator shared by many hands out: a block of ports for each."""

SCENE = Scene(
    title="a translation that runs out of ports",
    topology=partial(floating, rules=FEW),
    serve=web,
    work=client("crowd", "--count", 8, "--rest", 7, "--timeout", 4),
    truth=Truth(fault="nat_port_exhaustion", accept=(None,), hop=("gateway_t0", "gateway_w1")),
)
