"""remote - proxy - vm: a TCP proxy in user space ends the client's connections and opens its own.

Points: remote:w0, proxy:w1, proxy:t0, vm:t1.
"""

from lastseen.lab.lab import Lab, Link
from lastseen.lab.parameters import Parameters

__all__ = ["proxied"]


def proxied(
    lab: Lab, parameters: Parameters, *, options: tuple[str, ...] = (), offload: bool = False
) -> None:
    """Build it. `options`: those of the proxy. The client asks the gateway's address."""
    lab.link(Link("remote", "w0", "proxy", "w1"), Link("proxy", "t0", "vm", "t1"), offload=offload)
    lab.node("remote").ip(f"addr add {parameters.remote}/24 dev w0")
    lab.node("proxy").ip(
        f"addr add {parameters.remote_net}.1/24 dev w1\naddr add {parameters.gateway}/24 dev t0"
    )
    lab.node("vm").ip(f"addr add {parameters.vm}/24 dev t1\nroute add default via {parameters.gateway}")
    lab.serve("proxy", "proxy", parameters.gateway, parameters.port, parameters.remote, *options)
    lab.watch("remote:w0", "proxy:w1", "proxy:t0", "vm:t1")
