"""How a fault is put in: rules, settings and commands on nodes, as values a scene can name.

Texts may hold `$port`, `$remote`, `$vm` and the scene's own parameters (`$loss`).
"""

from collections.abc import Callable
from functools import partial

from lastseen.lab.lab import Lab
from lastseen.lab.parameters import Parameters, filled
from lastseen.lab.scene import Arm

__all__ = ["all_of", "ip", "rules", "run", "sysctl"]


def rules(node: str, text: str) -> Arm:
    """nftables rules on a node. A table named `lab_...` stands for a broken device and is hidden from the case."""
    return partial(_on_node, lambda lab, filled_in: lab.node(node).nft(filled_in), text)


def ip(node: str, text: str) -> Arm:
    """Lines of `ip -batch` on a node."""
    return partial(_on_node, lambda lab, filled_in: lab.node(node).ip(filled_in), text)


def run(node: str, text: str) -> Arm:
    """One command on a node; its words are divided by single blanks."""
    return partial(_on_node, lambda lab, filled_in: lab.node(node).run(*filled_in.split(" ")), text)


def sysctl(node: str, *settings: str) -> Arm:
    """Settings below /proc/sys on a node: "net.ipv4.tcp_timestamps=0"."""
    return partial(
        _on_node, lambda lab, filled_in: lab.node(node).sysctl(*filled_in.split()), " ".join(settings)
    )


def all_of(*arms: Arm) -> Arm:
    """Several, one after the other."""
    return partial(_each, arms)


def _on_node(apply: Callable[[Lab, str], object], text: str, lab: Lab, parameters: Parameters) -> None:
    apply(lab, filled(text, parameters))


def _each(arms: tuple[Arm, ...], lab: Lab, parameters: Parameters) -> None:
    for arm in arms:
        arm(lab, parameters)
