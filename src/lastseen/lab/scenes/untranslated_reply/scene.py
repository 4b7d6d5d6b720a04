"""A segment far outside the window goes through a balancer untranslated, and the client resets what it does not know.

The member's stray segment is the lab's; what connection tracking, NAT and both stacks make of it is the kernel's.
"""

from lastseen.lab.arming import all_of
from lastseen.lab.lab import Lab
from lastseen.lab.parameters import Parameters, Range
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.balanced import ADDRESSES, balanced
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]


def arm(lab: Lab, parameters: Parameters) -> None:
    """Each member sends such a segment beside the first long answer it gives."""
    for member in ADDRESSES:
        lab.serve(member, "stray", "m0", "--after", int(parameters.own["sent"]))


SCENE = Scene(
    title="a reply that goes through NAT untranslated",
    topology=balanced,
    arm=arm,
    serve=all_of(*(server("--bytes", 600_000, node=name, at=at) for name, at in ADDRESSES.items())),
    work=curl("--max-time", "5"),
    ranges={"sent": Range(plain=20, low=5, high=60)},
    truth=Truth(fault="conntrack_out_of_window_reset", hop=("balancer_w1", "balancer_t0")),
    mechanism="stand-in",
    hits="its service",
)
