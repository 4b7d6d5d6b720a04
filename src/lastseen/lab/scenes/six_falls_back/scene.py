"""IPv6 to the server leads nowhere; curl waits a moment and takes IPv4."""

import subprocess

from lastseen.lab.arming import rules
from lastseen.lab.lab import Lab
from lastseen.lab.parameters import Parameters
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed6 import routed6
from lastseen.lab.workloads import NAME, curl, web

__all__ = ["SCENE"]

RULES = """
table ip6 lab_device {
  chain input {
    type filter hook input priority filter; policy accept;
    tcp dport $port drop
  }
}
"""


def work(lab: Lab, parameters: Parameters) -> subprocess.Popen[bytes] | None:
    """A page of a name that has an address of each kind."""
    known = f"{NAME}:{parameters.port}:[{parameters.remote6}],{parameters.remote}"
    options = ("--resolve", known, "--happy-eyeballs-timeout-ms", "900", "--max-time", "6")
    return curl(*options, at=lambda _: NAME)(lab, parameters)


SCENE = Scene(
    title="IPv6 that leads nowhere",
    topology=routed6,
    arm=rules("remote", RULES),
    serve=web,
    work=work,
    truth=Truth(fault="ipv6_fallback", accept=(None,)),
)
