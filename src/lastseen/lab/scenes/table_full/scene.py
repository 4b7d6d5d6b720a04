"""The table of tracked connections is full: whoever is in it goes on, nobody new gets through."""

from lastseen.lab.lab import Lab
from lastseen.lab.parameters import Parameters
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import client, web

__all__ = ["SCENE"]

ROOM = 40
"""Connections the table takes; below 100 the kernel's garbage collector makes no room (nf_conntrack_max95 is 0)."""
MORE = 48
"""Connections that the client opens at once, and keeps for a while."""
KERNEL_LOG = "dmesg --time-format iso"


def topology(lab: Lab, parameters: Parameters) -> None:
    """The routed lab; what the kernel says from now on is part of the case."""
    routed(lab, parameters)
    *_, last = lab.node("compute").run(*KERNEL_LOG.split()).splitlines()
    now, _, _ = last.partition(",")  # by the kernel log's own clock, which may be seconds off
    lab.texts["compute"] = [f"{KERNEL_LOG} --since {now}"]


SCENE = Scene(
    title="a full table of tracked connections",
    topology=topology,
    serve=web,
    work=client("crowd", "--count", MORE, "--rest", 6, "--timeout", 4),
    truth=Truth(fault="conntrack_table_full", hop=("compute_t0", "compute_w1"), needs=("sysctl", "dmesg")),
    root=True,
    exclusive=True,
    machine={"net.netfilter.nf_conntrack_max": str(ROOM)},
)
