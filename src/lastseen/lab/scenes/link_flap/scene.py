"""The server's link goes down in mid-conversation and comes back some seconds later."""

import subprocess
from functools import partial

from lastseen.lab.lab import Lab
from lastseen.lab.parameters import Parameters
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import client, server

__all__ = ["SCENE"]

REPEATED = 3


def work(lab: Lab, parameters: Parameters) -> subprocess.Popen[bytes] | None:
    """Talk; the link is down from the first answer until the second question was repeated some times in vain."""
    talk = client("talk", "--count", 2, "--rest", 0.5, "--timeout", 12)(lab, parameters)
    lab.until(lambda: "answer 1 heard" in (lab.folder / "vm_client.log").read_text(), "the first answer")
    lab.node("lab_wire").ip("link set left down")
    before = lab.count("vm", "TcpRetransSegs")
    lab.until(lambda: lab.count("vm", "TcpRetransSegs") >= before + REPEATED, "repetitions")
    lab.snapshot("mid")
    lab.node("lab_wire").ip("link set left up")
    return talk


SCENE = Scene(
    title="a link that goes down and comes back",
    topology=partial(routed, wire=()),
    serve=server("--speak", "echo"),
    work=work,
    beside="talk",
    truth=Truth(fault="link_flap", hop=("compute_w1", "remote_w0"), both_ways=True, needs=("link",)),
)
