"""The VM has moved; the tunnel still sends its frames to the host it was on."""

import subprocess

from lastseen.lab.lab import Lab
from lastseen.lab.parameters import Parameters
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.vxlan import vxlan
from lastseen.lab.workloads import client, curl, first, web

__all__ = ["SCENE"]


def work(lab: Lab, parameters: Parameters) -> subprocess.Popen[bytes] | None:
    """The VM's address behind a tunnel end that does not exist, then a page."""
    mac = lab.node("vm").run("cat", "/sys/class/net/t1/address").strip()
    lab.node("netnode").sysctl("net.ipv4.conf.all.arp_ignore=1")
    lab.node("netnode").run("bridge", "fdb", "replace", mac, "dev", "vx0", "dst", "172.31.0.99", "self")
    lab.node("netnode").run("bridge", "fdb", "replace", mac, "dev", "vx0", "master", "static", "sticky")
    return curl("--max-time", "4")(lab, parameters)


SCENE = Scene(
    title="a tunnel that sends to the old host",
    topology=vxlan,
    serve=web,
    work=first(client("get"), work),
    truth=Truth(fault="stale_fdb", accept=(None,), hop=("netnode_u0", "netnode_w1"), needs=("bridge",)),
)
