"""The firewall's state is gone while a connection is open: what is in mid-stream belongs to nothing."""

import subprocess

from lastseen.lab.arming import all_of, sysctl
from lastseen.lab.lab import Lab
from lastseen.lab.parameters import Parameters
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import client, curl, next_port, server, web

__all__ = ["SCENE"]

TALKED = "vm_client.log"


def talk(lab: Lab, parameters: Parameters) -> None:
    """A conversation that began before anybody captured, and rests."""
    client("talk", "--count", 4, "--rest", 2, "--timeout", 3)(lab, parameters)
    lab.until(lambda: "answer 1 heard" in _said(lab), "the first answer")


def work(lab: Lab, parameters: Parameters) -> subprocess.Popen[bytes] | None:
    """What a restart of the firewall does, between the second and the third question; then a page, which comes."""
    lab.until(lambda: "answer 2 heard" in _said(lab), "the second answer")
    lab.node("compute").run("conntrack", "-F")
    lab.until(lambda: "talk:" in _said(lab), "the conversation to end")
    return next_port(curl("--max-time", "4"))(lab, parameters)


def _said(lab: Lab) -> str:
    return (lab.folder / TALKED).read_text("utf-8")


SCENE = Scene(
    title="a firewall that loses its state",
    topology=routed,
    arm=all_of(sysctl("compute", "net.netfilter.nf_conntrack_tcp_loose=0"), talk),
    serve=all_of(server("--speak", "echo"), next_port(web)),
    work=work,
    beside="talk",
    truth=Truth(fault="conntrack_midstream", hop=("compute_t0", "compute_w1")),
)
