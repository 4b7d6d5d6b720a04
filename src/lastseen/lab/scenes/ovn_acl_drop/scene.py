"""An access rule of OVN drops what the VM sends to the server's port; a service at another port works."""

from lastseen.lab.arming import all_of, run
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.ovn import SWITCH, ovn
from lastseen.lab.workloads import client, curl, first, next_port, web

__all__ = ["SCENE"]

SCENE = Scene(
    title="an OVN access rule drops a port",
    topology=ovn,
    arm=run("netnode", f"ovn-nbctl --wait=hv acl-add {SWITCH} from-lport 1003 tcp.dst==$port drop"),
    serve=all_of(web, next_port(web)),
    work=first(next_port(client("get")), curl("--max-time", "4")),
    truth=Truth(fault="firewall_deny", hop=("compute_tap1", "compute_ens3"), needs=("dump-flows",)),
    root=True,
)
