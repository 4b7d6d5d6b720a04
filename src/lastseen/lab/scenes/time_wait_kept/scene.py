"""A port is used again while the server is in TIME_WAIT, and the server is told to ignore the reset that would end it.

The second SYN has an older timestamp than the first connection had, as that of another host behind one address.
"""

from lastseen.lab.arming import sysctl
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import client, curl, first, web

__all__ = ["SCENE"]

PORT = 40_321

SCENE = Scene(
    title="a port that is used again too soon",
    topology=routed,
    arm=sysctl("remote", "net.ipv4.tcp_rfc1337=1"),
    serve=web,
    work=first(
        client("get", "--source-port", PORT, "--clock-step", 60_000),
        curl("--local-port", str(PORT), "--max-time", "4"),
    ),
    truth=Truth(fault=None, accept=(None,)),
)
