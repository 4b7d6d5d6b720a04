"""Another host has the server's address: it announces it, and the conversation goes to it."""

import subprocess

from lastseen.lab.lab import Lab, Link
from lastseen.lab.parameters import Parameters
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.bridged import bridged
from lastseen.lab.workloads import client, server

__all__ = ["SCENE"]


def arm(lab: Lab, _: Parameters) -> None:
    """The other host, which has no address yet."""
    lab.link(Link("compute", "d0", "twin", "d1"))
    lab.node("compute").ip("link set d0 master br0")
    lab.node("vm").sysctl("net.ipv4.neigh.t1.locktime=0")
    lab.node("twin").sysctl("net.ipv4.conf.d1.arp_notify=1")


def work(lab: Lab, parameters: Parameters) -> subprocess.Popen[bytes] | None:
    """Talk, and let the other host come up after the first answer."""
    talk = client("talk", "--count", 2, "--rest", 1.5, "--timeout", 4)(lab, parameters)
    lab.until(lambda: "answer 1" in (lab.folder / "vm_client.log").read_text(), "the first answer")
    lab.node("twin").ip(f"addr add {parameters.remote}/24 dev d1\nroute add {parameters.vm_net}.0/24 dev d1")
    lab.node("twin").ip("link set d1 address 02:00:00:00:00:77")  # a new MAC address is announced
    return talk


SCENE = Scene(
    title="two hosts with one address",
    topology=bridged,
    arm=arm,
    serve=server("--speak", "echo"),
    work=work,
    beside="talk",
    truth=Truth(fault="duplicate_address", accept=("reset_injected",)),
)
