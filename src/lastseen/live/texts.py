"""Which texts of a host are evidence, and the command that prints each: what the readers of `evidence` read."""

from collections.abc import Mapping, Sequence
from typing import Final

from lastseen.hosts.host import shown
from lastseen.hosts.names import interface
from lastseen.hosts.probing import HostFacts

__all__ = ["snapshot_commands", "titled"]

Commands = dict[str, tuple[str, ...]]

_EVERYWHERE: Final[Mapping[str, tuple[str, ...]]] = {
    "ip_-d_-s_link": ("ip", "-d", "-s", "link"),
    "ss": ("ss", "-tnoie"),
    "nstat": ("nstat", "-asz"),
    "conntrack_-S": ("conntrack", "-S"),
    "proc_net_stat_nf_conntrack": ("cat", "/proc/net/stat/nf_conntrack"),
    "sysctl_net": ("sysctl", "-a", "-r", "^net\\."),
    "nft_list_ruleset": ("nft", "list", "ruleset"),
    "iptables-save_-c": ("iptables-save", "-c"),
    "tc_-s_qdisc": ("tc", "-s", "qdisc"),
}
_CONSTANT: Final[Mapping[str, tuple[str, ...]]] = {
    "ip_addr": ("ip", "addr"),
    "ip_route": ("ip", "route"),
}
_OF_THE_HOST: Final[Mapping[str, tuple[str, ...]]] = {
    "uname_-r": ("uname", "-r"),
    "lsmod": ("lsmod",),
    "modinfo_openvswitch": ("modinfo", "openvswitch"),
    "ovs-vsctl_show": ("ovs-vsctl", "show"),
    "ovs-vsctl_list_interface": ("ovs-vsctl", "list", "interface"),
    "ovs-vswitchd_--version": ("ovs-vswitchd", "--version"),
}
_MOVING_OF_THE_HOST: Final[Mapping[str, tuple[str, ...]]] = {
    "dpctl_dump-flows_-m": ("ovs-appctl", "dpctl/dump-flows", "-m"),
    "ovs-appctl_coverage": ("ovs-appctl", "coverage/show"),
    "ovs-dpctl_show_-s": ("ovs-dpctl", "show", "-s"),
}
_PROGRAM_OF: Final = {"cat": "", "uname": "", "lsmod": "", "modinfo": "", "ovs-vswitchd": "ovs-vsctl"}
"""Tools every host has, and one that comes with another; the rest is asked for by its own name."""


def snapshot_commands(
    facts: HostFacts,
    when: str,
    *,
    netns: str = "",
    interfaces: Sequence[str] = (),
    bridges: Sequence[str] = (),
    addresses: Sequence[str] = (),
) -> Commands:
    """File name (without .txt) to command, of one namespace at one moment; `when` is before, mid or after.

    Only what the host has. The login's own namespace also gives what is the host's: switch, kernel, modules.
    """
    commands: Commands = {}
    if when == "mid":
        commands["ss"] = _EVERYWHERE["ss"]
    else:
        commands |= dict(_EVERYWHERE)
    if when == "before":
        commands |= dict(_CONSTANT)
        commands |= {f"ethtool_-k_{name}": ("ethtool", "-k", interface(name)) for name in interfaces}
    if when != "mid":
        commands |= {f"ethtool_-S_{name}": ("ethtool", "-S", interface(name)) for name in interfaces}
    for address in addresses:
        commands[f"conntrack_-L_{address}"] = ("conntrack", "-L", "-d", address)
    if not netns:
        commands |= _of_the_host(when, bridges)
    return {name: command for name, command in commands.items() if _has(facts, command[0])}


def _of_the_host(when: str, bridges: Sequence[str]) -> Commands:
    commands = dict(_MOVING_OF_THE_HOST)
    if when == "before":
        commands |= dict(_OF_THE_HOST)
    if when == "after":
        commands["dmesg"] = ("dmesg",)
    for bridge in bridges:
        commands[f"ovs-ofctl_dump-flows_{bridge}"] = ("ovs-ofctl", "dump-flows", bridge)
        if when != "mid":
            commands[f"ovs-ofctl_dump-ports_{bridge}"] = ("ovs-ofctl", "dump-ports", bridge)
    return commands


def _has(facts: HostFacts, program: str) -> bool:
    needed = _PROGRAM_OF.get(program, program)
    return not needed or needed in facts.tools


def titled(facts: HostFacts, netns: str, command: Sequence[str], text: bytes) -> bytes:
    """A text with the command above it, as a person would have saved it: it says what it is and where it ran."""
    return f"$ {shown(facts.host.inside(netns), command)}\n".encode() + text
