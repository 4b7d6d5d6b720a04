"""Forged SYNs fill the server's queue of half-open connections, and it sends no cookies: an honest SYN is dropped."""

import subprocess

from lastseen.lab.arming import all_of, ip, sysctl
from lastseen.lab.lab import Lab
from lastseen.lab.parameters import Parameters
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

FORGED = "172.31.66"


def work(lab: Lab, parameters: Parameters) -> subprocess.Popen[bytes] | None:
    """The flood from behind the client's side, and a page once the queue is full."""
    lab.program("vm", "flood", parameters.remote, parameters.port, FORGED)
    lab.until(lambda: lab.count("remote", "TcpExtTCPReqQFullDrop") > 0, "the queue to be full")
    return curl("--max-time", "4")(lab, parameters)


SCENE = Scene(
    title="a flood of SYNs, and no cookies",
    topology=routed,
    arm=all_of(
        sysctl("remote", "net.ipv4.tcp_syncookies=0"), ip("compute", f"route add {FORGED}.0/24 via $vm")
    ),
    serve=server("--backlog", 16),
    work=work,
    truth=Truth(fault="syn_flood", needs=("nstat",)),
)
