"""The VM's card has all offloads on: its checksums are partial and its packets large until the host's veth."""

from functools import partial

from lastseen.lab.arming import all_of
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.openstack import openstack
from lastseen.lab.workloads import client, next_port, server, web

__all__ = ["SCENE"]

SCENE = Scene(
    title="an upload over OpenStack's path with the VM's offloads on",
    topology=partial(openstack, offload=True),
    serve=all_of(web, next_port(server("--speak", "sink"))),
    work=next_port(client("upload", "--bytes", 200_000)),
    truth=Truth(fault=None, healthy=True),
    root=True,
)
