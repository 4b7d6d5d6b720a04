"""remote - compute - vm: the routed lab whose VM really sits behind a tap, read by a program as by an emulator.

Points: remote:w0, compute:w1, compute:tap1, vm:t1.
"""

from lastseen.lab.lab import Lab, Link
from lastseen.lab.parameters import Parameters
from lastseen.lab.topologies.routed import SECURITY_GROUP

__all__ = ["tapped"]


def tapped(lab: Lab, parameters: Parameters, *, queue: int = 1000, rate: float = 0) -> None:
    """Build it. `queue`: how many packets the tap holds; `rate`: how many the guest takes a second, 0: all at once."""
    lab.link(Link("remote", "w0", "compute", "w1"), Link("lab_guest", "g0", "vm", "t1"))
    there = f"/proc/{lab.node('lab_guest').tid}/ns/net"
    lab.serve("compute", "guest", "tap1", there, "g0", "--rate", rate)
    remote, vm = parameters.remote_net, parameters.vm_net
    lab.node("remote").ip(f"addr add {remote}.9/24 dev w0\nroute add default via {remote}.1")
    lab.node("compute").ip(
        f"link set tap1 txqueuelen {queue} up\naddr add {remote}.1/24 dev w1\naddr add {vm}.1/24 dev tap1"
    )
    lab.node("compute").sysctl("net.ipv4.ip_forward=1")
    lab.node("vm").ip(f"addr add {vm}.5/24 dev t1\nroute add default via {vm}.1")
    lab.node("compute").nft(SECURITY_GROUP.replace("t0", "tap1"))
    lab.tracked.add("compute")
    lab.watch("remote:w0", "compute:w1", "compute:tap1", "vm:t1")
