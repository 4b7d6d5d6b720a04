"""Nothing is wrong: pages over TLS, whose ends say goodbye before they close."""

from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import curl, secure

__all__ = ["SCENE"]

SCENE = Scene(
    title="a page over TLS",
    topology=routed,
    serve=secure("--bytes", 60_000),
    work=curl("--insecure", "--max-time", "6", scheme="https"),
    beside="",  # the lab's client speaks no TLS
    truth=Truth(fault=None, healthy=True),
)
