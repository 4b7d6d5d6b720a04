"""How a fault is put in: rules, settings and commands on nodes, as values a scene can name.

Texts may hold `$port`, `$remote`, `$vm` and the scene's own parameters (`$loss`).
"""

from collections.abc import Callable
from functools import partial

from lastseen.lab.lab import Lab
from lastseen.lab.parameters import Parameters, filled
from lastseen.lab.scene import Arm
from lastseen.lab.switches import add_flows

__all__ = [
    "VISITED",
    "all_of",
    "bad_card",
    "flows",
    "ip",
    "lengthened",
    "rules",
    "run",
    "sysctl",
    "untrimmed",
]

_PADDED = range(40, 46)
"""IP lengths of TCP packets whose frames are padded: 14 bytes of Ethernet header make them shorter than 60."""
_UNTRIMMED = 46


def rules(node: str, text: str) -> Arm:
    """nftables rules on a node. A table named `lab_...` stands for a broken device and is hidden from the case."""
    return partial(_on_node, lambda lab, filled_in: lab.node(node).nft(filled_in), text)


def ip(node: str, text: str) -> Arm:
    """Lines of `ip -batch` on a node."""
    return partial(_on_node, lambda lab, filled_in: lab.node(node).ip(filled_in), text)


def run(node: str, text: str) -> Arm:
    """One command on a node; its words are divided by single blanks."""
    return partial(_on_node, lambda lab, filled_in: lab.node(node).run(*filled_in.split(" ")), text)


def flows(node: str, text: str) -> Arm:
    """Flows added to a node's br-int, one a line."""
    return partial(_on_node, lambda lab, filled_in: add_flows(lab, node, filled_in), text)


def sysctl(node: str, *settings: str) -> Arm:
    """Settings below /proc/sys on a node: "net.ipv4.tcp_timestamps=0"."""
    return partial(
        _on_node, lambda lab, filled_in: lab.node(node).sysctl(*filled_in.split()), " ".join(settings)
    )


def untrimmed(node: str, device: str) -> Arm:
    """Let a node's connection tracking see the padding of short packets that come in at `device`.

    Two hidden tables leave the buffer untrimmed, the state that `ovs_ct_execute()` left before Linux 4.16: the IP
    length is raised at ingress, so that `ip_rcv` (or br_netfilter) does not trim, and set back before conntrack.
    """
    ingress = "".join(
        f"    ip protocol tcp ip length {n} meta length {_UNTRIMMED} meta mark set {0xAD000000 + n:#x} "
        f"ip length set {_UNTRIMMED}\n"
        for n in _PADDED
    )
    before = "".join(
        f"    meta mark {0xAD000000 + n:#x} ip length set {n} meta mark set 0\n" for n in _PADDED
    )
    return rules(
        node,
        "table netdev lab_untrim {\n  chain ingress {\n"
        f"    type filter hook ingress device {device} priority 0; policy accept;\n{ingress}  }}\n}}\n"
        "table ip lab_untrim {\n  chain before_conntrack {\n"
        f"    type filter hook prerouting priority raw; policy accept;\n{before}  }}\n}}\n",
    )


def lengthened(node: str, device: str) -> Arm:
    """Let a node make the padding of short TCP packets that come in at `device` part of them.

    A hidden table raises the IP length to all that is there; the kernel adjusts both checksums, as a data plane does
    that writes its headers anew around what it takes for the payload.
    """
    ingress = "".join(
        f"    ip protocol tcp ip length {n} meta length {_UNTRIMMED} ip length set {_UNTRIMMED}\n"
        for n in _PADDED
    )
    return rules(
        node,
        "table netdev lab_data_plane {\n  chain ingress {\n"
        f"    type filter hook ingress device {device} priority 0; policy accept;\n{ingress}  }}\n}}\n",
    )


def bad_card(node: str, device: str) -> Arm:
    """Let a node send short TCP packets with wrong checksums, as a broken card would: nobody on the node sees why."""
    return rules(
        node,
        "table netdev lab_bad_card {\n  chain out {\n"
        f"    type filter hook egress device {device} priority 0; policy accept;\n"
        "    ip length 40-45 tcp checksum set 0xbeef\n  }\n}\n",
    )


def all_of(*arms: Arm) -> Arm:
    """Several, one after the other."""
    return partial(_each, arms)


def _on_node(apply: Callable[[Lab, str], object], text: str, lab: Lab, parameters: Parameters) -> None:
    apply(lab, filled(text, parameters))


def _each(arms: tuple[Arm, ...], lab: Lab, parameters: Parameters) -> None:
    for arm in arms:
        arm(lab, parameters)


VISITED = run("vm", "curl -s -o /dev/null http://$remote:$port/page")
"""Somebody has been there before: neighbours and bridges know each other's MAC addresses."""
