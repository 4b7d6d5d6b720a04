"""The case study's fault at the other host: the padded FIN is called invalid on its way in from the provider.

Hidden rules leave the packet's buffer untrimmed where it enters the network node's Linux bridge; the judgement is the
kernel's. The compute host has the same bridge and the same rules, and never sees the FIN.
"""

from functools import partial

from lastseen.lab.arming import all_of, sysctl, untrimmed
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.openstack import openstack
from lastseen.lab.workloads import closes_apart, php

__all__ = ["SCENE"]

SCENE = Scene(
    title="the case study's fault on the network node: the compute host is innocent",
    topology=partial(openstack, wire=("--pad",), provider_bridge=True),
    arm=all_of(sysctl("remote", "net.ipv4.tcp_timestamps=0"), untrimmed("netnode", "ens4")),
    serve=closes_apart,
    work=php(),
    truth=Truth(
        fault="ovs_conntrack_padding", accept=("dataplane_padding",), hop=("netnode_ens4", "netnode_qg0")
    ),
    root=True,
)
