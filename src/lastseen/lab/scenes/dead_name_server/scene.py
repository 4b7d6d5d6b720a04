"""The first name server hangs; the resolver waits for it, then asks the second."""

import signal

from lastseen.lab.lab import Lab
from lastseen.lab.parameters import Parameters
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import NAME, curl, resolver, web

__all__ = ["SCENE"]


def serve(lab: Lab, parameters: Parameters) -> None:
    """Two name servers, the first of them stopped, and the page."""
    first, second = f"{parameters.remote_net}.53", parameters.remote
    lab.node("remote").ip(f"addr add {first}/24 dev w0")
    lab.serve("remote", "names", first, parameters.remote).send_signal(signal.SIGSTOP)
    lab.serve("remote", "names", second, parameters.remote)
    resolver(lab, first, second)
    web(lab, parameters)


SCENE = Scene(
    title="a name server that hangs",
    topology=routed,
    serve=serve,
    work=curl("--max-time", "12", at=lambda _: NAME),
    truth=Truth(fault="dns_timeout"),
)
