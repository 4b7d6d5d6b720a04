"""Short packets are padded, cross the tunnel and the security group, and all is well: the kernel trims them."""

from functools import partial

from lastseen.lab.arming import sysctl
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.openstack import openstack
from lastseen.lab.workloads import php, web

__all__ = ["SCENE"]

SCENE = Scene(
    title="a page over OpenStack's path, nothing wrong",
    topology=partial(openstack, wire=("--pad",)),
    arm=sysctl("remote", "net.ipv4.tcp_timestamps=0"),
    serve=web,
    work=php(),
    truth=Truth(fault=None, healthy=True),
    root=True,
)
