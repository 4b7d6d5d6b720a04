"""Nothing listens on the port that is asked for; the server's stack refuses by a reset."""

from lastseen.lab.lab import Lab
from lastseen.lab.parameters import Parameters
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import curl

__all__ = ["SCENE"]


def on_another_port(lab: Lab, parameters: Parameters) -> None:
    """The service runs, but not where it is looked for."""
    lab.serve("remote", "server", parameters.remote, parameters.port + 1, "--bytes", parameters.page_bytes)


SCENE = Scene(
    title="a port on which nothing listens",
    topology=routed,
    serve=on_another_port,
    work=curl("--max-time", "4"),
    truth=Truth(fault="port_closed", needs=("ss",)),
    hits="its service",
)
