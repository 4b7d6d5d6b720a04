"""Forged SYNs fill the server's queue; it answers with cookies, and those have no room for the client's options."""

import subprocess

from lastseen.lab.arming import all_of, ip, sysctl
from lastseen.lab.lab import Lab
from lastseen.lab.parameters import Parameters
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import client, curl, first, server

__all__ = ["SCENE"]

FORGED = "172.31.66"


def work(lab: Lab, parameters: Parameters) -> subprocess.Popen[bytes] | None:
    """The flood from behind the client's side, and a page once cookies are sent."""
    lab.program("vm", "flood", parameters.remote, parameters.port, FORGED)
    lab.until(lambda: lab.count("remote", "TcpExtSyncookiesSent") > 0, "a cookie")
    return curl("--max-time", "4")(lab, parameters)


SCENE = Scene(
    title="SYN cookies that lose TCP options",
    topology=routed,
    arm=all_of(
        sysctl("vm", "net.ipv4.tcp_timestamps=0"),
        sysctl("remote", "net.ipv4.tcp_syncookies=1"),
        ip("compute", f"route add {FORGED}.0/24 via $vm"),
    ),
    serve=server("--backlog", 16),
    work=first(client("get"), work),
    truth=Truth(fault="syn_cookies", needs=("nstat",)),
)
