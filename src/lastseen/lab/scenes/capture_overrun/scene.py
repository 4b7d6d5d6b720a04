"""Nothing is wrong but a capture: with a small buffer it does not keep up for a while."""

import signal
import subprocess
from dataclasses import replace

from lastseen.lab.captures import dropped_packets
from lastseen.lab.lab import Lab
from lastseen.lab.parameters import Parameters
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import client, curl, server

__all__ = ["SCENE"]

SLOW = 1
"""compute:w1, one of two points that the packets pass between the two ends."""


def topology(lab: Lab, parameters: Parameters) -> None:
    """The routed lab, one capture of which has a buffer for a few packets only."""
    routed(lab, parameters)
    lab.points[SLOW] = replace(lab.points[SLOW], buffer_kib=64)


def work(lab: Lab, parameters: Parameters) -> subprocess.Popen[bytes] | None:
    """Three pages; during the second tcpdump gets no CPU."""
    capture = lab.captures[SLOW].process
    page = client("get")
    for before, after in ((signal.SIGCONT, signal.SIGSTOP), (signal.SIGSTOP, signal.SIGCONT)):
        capture.send_signal(before)
        if (process := page(lab, parameters)) is not None:
            process.wait()
        capture.send_signal(after)
    return curl("--max-time", "4")(lab, parameters)


def showed(lab: Lab) -> bool:
    """Whether tcpdump says that the kernel dropped packets."""
    return dropped_packets(lab.captures[SLOW].said) > 0


SCENE = Scene(
    title="a capture that does not keep up",
    topology=topology,
    serve=server("--bytes", 150_000),
    work=work,
    truth=Truth(fault="capture_artifact", needs=("tcpdump",)),
    showed=showed,
)
