"""One CPU takes all packets of a port, each costs it much, and a burst fills its backlog.

Receive packet steering hands them to that CPU, as one queue of a card does; a hidden table of thousands of rules is
what they cost. What comes while netdev_max_backlog wait is dropped before any capture on that host sees it.
"""

import os

from lastseen.lab.lab import Lab
from lastseen.lab.parameters import Parameters
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import client, server

__all__ = ["SCENE"]

RULES, TIMES = 2000, 15
"""Rules that a packet is held against, and how often: about 0.4 ms of a CPU."""
DATAGRAMS = 3000
"""Three times what a CPU lets wait (net.core.netdev_max_backlog, 1000 unless changed)."""
SOFTNET = "cat /proc/net/softnet_stat"


def _arm(lab: Lab, _parameters: Parameters) -> None:
    compute = lab.node("compute")
    rules = "".join(
        f"    udp dport {port} ip saddr 192.0.2.1 accept\n" for port in range(20_000, 20_000 + RULES)
    )
    compute.nft(
        "table ip lab_costs {\n  chain long {\n" + rules + "  }\n  chain before {\n"
        "    type filter hook prerouting priority raw; policy accept;\n"
        + '    iifname "t0" meta l4proto udp jump long\n' * TIMES
        + "  }\n}\n"
    )
    cpus = os.sched_getaffinity(0)
    for node, port, cpu in (("compute", "t0", max(cpus)), ("remote", "w0", min(cpus))):
        lab.node(node).run("sh", "-c", f"echo {1 << cpu:x} > /sys/class/net/{port}/queues/rx-0/rps_cpus")
    lab.texts.setdefault("compute", []).append(SOFTNET)


def _showed(lab: Lab) -> bool:
    """Where the sender and that CPU are one, nothing comes too fast."""
    return "answered" in (lab.folder / "vm_client.log").read_text("utf-8")


SCENE = Scene(
    title="a burst that a CPU's backlog has no room for",
    topology=routed,
    arm=_arm,
    serve=server("--udp"),
    work=client("burst", "--count", DATAGRAMS, "--bytes", 16, "--timeout", 3),
    beside="",
    truth=Truth(fault="receive_ring_overflow", hop=("vm_t1", "compute_t0"), needs=("softnet",)),
    showed=_showed,
    root=True,
)
