"""A device drops SYNs with the Fast Open option; the client waits and tries without."""

from lastseen.lab.arming import all_of, rules, sysctl
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

RULES = """
table ip lab_device {
  chain forward {
    type filter hook forward priority filter - 10; policy accept;
    tcp option 34 exists counter drop
  }
}
"""

SCENE = Scene(
    title="SYNs with Fast Open are dropped",
    topology=routed,
    arm=all_of(
        sysctl("vm", "net.ipv4.tcp_fastopen=3"),
        sysctl("remote", "net.ipv4.tcp_fastopen=3"),
        rules("compute", RULES),
    ),
    serve=server("--fast-open"),
    work=curl("--tcp-fastopen", "--max-time", "6"),
    truth=Truth(
        fault="tfo_blackhole", accept=("firewall_deny",), hop=("compute_t0", "compute_w1"), needs=("when",)
    ),
    mechanism="stand-in",
)
