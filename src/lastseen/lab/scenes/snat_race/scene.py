"""Two clients with the same source port connect at the same moment; translation picks one port for both."""

import re
import subprocess
from functools import partial

from lastseen.lab.arming import ip
from lastseen.lab.lab import Lab
from lastseen.lab.parameters import Parameters
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.floating import TRANSLATION, floating
from lastseen.lab.workloads import web

__all__ = ["SCENE"]

MANY = 4000
LONG_CHAIN = """
table ip accounting {
  chain postrouting {
    type filter hook postrouting priority srcnat + 10; policy accept;
RULES  }
}
""".replace("RULES", "    ip daddr 240.0.0.1 counter\n" * MANY)
"""Rules between the choice of a port and the entry of the flow: another flow has more time to choose the same."""
ONE_ADDRESS = TRANSLATION.replace(
    "ip saddr $vm counter snat to $floating", "ip saddr $vm_net.0/24 counter snat to $floating"
)


def work(lab: Lab, parameters: Parameters) -> subprocess.Popen[bytes] | None:
    """Both addresses are the VM's, as two containers' are."""
    sources = (parameters.vm, f"{parameters.vm_net}.6")
    return lab.program("vm", "pairs", parameters.remote, parameters.port, *sources, log="vm_pairs.log")


def showed(lab: Lab) -> bool:
    """Whether both chose the same port in some round, so that one flow could not be entered."""
    return any(map(int, re.findall(r"insert_failed=(\d+)", lab.node("gateway").run("conntrack", "-S"))))


SCENE = Scene(
    title="two flows that race for one translated port",
    topology=partial(floating, rules=ONE_ADDRESS + LONG_CHAIN),
    arm=ip("vm", "addr add ${vm_net}.6/24 dev t1"),
    serve=web,
    work=work,
    showed=showed,
    truth=Truth(fault="conntrack_snat_race", hop=("gateway_t0", "gateway_w1"), needs=("conntrack_-S",)),
)
