"""A firewall on the server itself drops the connection's SYN: every capture shows it arrive."""

from lastseen.lab.arming import all_of, rules
from lastseen.lab.lab import Lab
from lastseen.lab.parameters import Parameters
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import curl, web

__all__ = ["SCENE"]

RULES = """
table ip host {
  chain input {
    type filter hook input priority filter; policy accept;
    tcp dport $port counter drop
  }
}
"""


def show_rules(lab: Lab, _parameters: Parameters) -> None:
    """The server's rules are part of the evidence."""
    lab.tracked.add("remote")


SCENE = Scene(
    title="a port that the server's own firewall drops",
    topology=routed,
    arm=all_of(rules("remote", RULES), show_rules),
    serve=web,
    work=curl("--max-time", "4"),
    truth=Truth(fault="firewall_deny", needs=("nft", "ip_addr")),
    hits="its service",
)
