"""remote - (wire) - network node = Geneve = compute - vm, on the kernel's own Open vSwitch datapath and conntrack.

As `topologies.ovs_firewall`, but the switches are the kernel's: packets go through openvswitch.ko, the tunnel has its
device (genev_sys_6081), and `ct()` is the conntrack of the host's namespace, with its sysctls and its log. The
compute host has a card of its own on the provider network, past the switch. The wire pads short frames, as every
Ethernet card does.

Points: remote:eth0, netnode:ens4 (provider network), netnode:ens3 and compute:ens3 (underlay),
compute:genev_sys_6081, compute:tap1, vm:eth0; compute:ens4 is no part of the VM's path.
"""

from lastseen.lab.lab import Lab, Link
from lastseen.lab.parameters import Parameters, filled
from lastseen.lab.switches import add_bridge, add_flows, add_tunnel, start_switch
from lastseen.lab.topologies.openstack import COMPUTE, NETNODE, address_ends
from lastseen.lab.topologies.ovs_firewall import FLOWS
from lastseen.lab.topologies.routed import lay_cable

__all__ = ["HOP", "kernel_datapath"]

TUNNEL_DEVICE = "genev_sys_6081"
HOP = (f"compute_{TUNNEL_DEVICE}", "compute_tap1")
POINTS = (
    "remote:eth0", "netnode:ens4", "netnode:ens3", "compute:ens3", f"compute:{TUNNEL_DEVICE}", "compute:tap1",
    "vm:eth0",
)  # fmt: skip
ALL_PROTOCOLS = 255
"""nf_conntrack_log_invalid, as in the case study (Documentation/networking/nf_conntrack-sysctl.rst)."""
_TEXTS = ("dmesg --time-format=iso", "uname -a", "modinfo openvswitch", "cat /proc/modules")


def kernel_datapath(lab: Lab, parameters: Parameters) -> None:
    """Build it."""
    lay_cable(lab, parameters, Link("remote", "eth0", "netnode", "ens4"), wire=("--pad",))
    lab.link(
        Link("netnode", "ens3", "compute", "ens3"),
        Link("netnode", "ens5", "compute", "ens4"),
        Link("compute", "tap1", "vm", "eth0"),
    )
    for tunnel, ports in ((NETNODE, ("ens4", "ens5")), (COMPUTE, ("tap1",))):
        node = start_switch(lab, tunnel.name)
        node.ip(f"addr add {tunnel.own}/24 dev {tunnel.interface}")
        add_bridge(lab, tunnel.name, "br-int", datapath="system")
        for port in ports:
            node.run("ovs-vsctl", "add-port", "br-int", port)
        add_tunnel(lab, tunnel)
        lab.until(lambda node=node: f"{TUNNEL_DEVICE}:" in node.run("ip", "link"), TUNNEL_DEVICE)  # type: ignore[misc]
    compute = lab.node("compute")
    add_flows(lab, "compute", filled(FLOWS, parameters))
    address_ends(lab, parameters)
    compute.ip(f"addr add {parameters.remote_net}.7/24 dev ens4")
    compute.sysctl(f"net.netfilter.nf_conntrack_log_invalid={ALL_PROTOCOLS}")
    lab.tracked.add("compute")
    lab.texts["compute"].extend(_TEXTS)
    lab.watch(*POINTS)
