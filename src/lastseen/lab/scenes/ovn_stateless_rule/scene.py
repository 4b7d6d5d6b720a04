"""A stateless rule of OVN takes what the VM sends around connection tracking, which then finds the answers invalid."""

from lastseen.lab.arming import run
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.ovn import SWITCH, ovn
from lastseen.lab.workloads import curl, web

__all__ = ["SCENE"]

SCENE = Scene(
    title="an OVN rule without state for one direction only",
    topology=ovn,
    arm=run("netnode", f"ovn-nbctl --wait=hv acl-add {SWITCH} from-lport 1003 tcp allow-stateless"),
    serve=web,
    work=curl("--max-time", "4"),
    truth=Truth(
        fault="ovn_acl_invalid", hop=("compute_ens3", "compute_tap1"), needs=("dump-flows", "lflow-list")
    ),
    root=True,
)
