"""A device moves the server's sequence numbers, and leaves the SACK blocks that answer them as they are."""

from functools import partial

from lastseen.lab.arming import rules
from lastseen.lab.parameters import Range
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

LOSSES = """
table ip lab_switch {
  chain forward {
    type filter hook forward priority filter - 20; policy accept;
    iifname "w1" ip length > 1000 numgen inc mod 40 == 17 drop
  }
}
"""
"""One large packet in forty, so that windows have holes."""

SCENE = Scene(
    title="sequence numbers moved, SACK blocks not",
    topology=partial(routed, wire=("--renumber", "$moved")),
    arm=rules("compute", LOSSES),
    serve=server("--bytes", 300_000),
    work=curl("--max-time", "12"),
    ranges={"moved": Range(plain=912_345_678, low=1_000_000, high=2_000_000_000)},
    truth=Truth(fault="sequence_rewrite_sack", accept=("random_loss",)),
    mechanism="stand-in",
    hits="some packets",
)
