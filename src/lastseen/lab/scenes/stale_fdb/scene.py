"""The bridge looks for the VM on the wrong port: an entry that a migration left behind."""

from lastseen.lab.arming import VISITED, all_of
from lastseen.lab.lab import Lab
from lastseen.lab.parameters import Parameters
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.bridged import bridged
from lastseen.lab.workloads import curl, web

__all__ = ["SCENE"]


def arm(lab: Lab, _: Parameters) -> None:
    """The VM's address on the port towards the remote."""
    mac = lab.node("vm").run("cat", "/sys/class/net/t1/address").strip()
    lab.node("compute").run("bridge", "fdb", "replace", mac, "dev", "w1", "master", "static", "sticky")


SCENE = Scene(
    title="a bridge that looks on the wrong port",
    topology=bridged,
    arm=all_of(VISITED, arm),
    serve=web,
    work=curl("--max-time", "4"),
    truth=Truth(fault="stale_fdb", hop=("compute_w1", "compute_t0"), needs=("bridge",)),
)
