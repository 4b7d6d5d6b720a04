"""The VM sends from an address that its port may not use; the bridge's rule drops it."""

from lastseen.lab.arming import all_of, ip, rules
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.bridged import bridged
from lastseen.lab.workloads import client, curl, first, web

__all__ = ["SCENE"]

RULES = """
table bridge anti_spoofing {
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname "t0" ip saddr != $vm counter drop
  }
}
"""

SCENE = Scene(
    title="a source that the port may not use",
    topology=bridged,
    arm=all_of(ip("vm", "addr add 172.31.9.5/32 dev t1"), rules("compute", RULES)),
    serve=web,
    work=first(client("get"), curl("--interface", "172.31.9.5", "--max-time", "4")),
    truth=Truth(
        fault="port_security", accept=("firewall_deny",), hop=("compute_t0", "compute_w1"), needs=("nft",)
    ),
)
