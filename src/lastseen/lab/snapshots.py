"""The texts of a case: what a user would save on each node before, in the middle of and after the trouble.

Each file begins with the command that made it, as people paste it; so lastseen also knows what an empty one is.
Tables of nftables whose name begins with `lab_` stand for broken hardware or an old kernel. Nobody on the spot
would see them, so they are no part of the evidence.
"""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lastseen.lab.lab import Lab
from lastseen.lab.nodes import Node

__all__ = ["HIDDEN", "take_snapshot"]

HIDDEN = "lab_"

_EVERY_NODE = (
    "ip -s -s -d link",
    "ip addr",
    "ip route show table all",
    "ip neigh",
    "ss -tanoie",
    "nstat -asz",
    "tc -s qdisc",
    "bridge fdb show",
)
_TRACKING_NODE = (
    "conntrack -S",
    "conntrack -L",
    "nft list ruleset",
    "cat /proc/net/stat/nf_conntrack",
    r"sysctl -a -r ^net\.netfilter\.",
)
_SETTINGS = (
    r"sysctl -a -r ^net\.ipv4\.(tcp_(timestamps|sack|window_scaling|ecn|syncookies|fastopen|max_syn_backlog|"
    r"mtu_probing|fin_timeout|tw_reuse)|ip_forward|ip_local_port_range|conf\..*\.(rp_filter|log_martians)) "
    r"-r ^net\.core\.somaxconn"
)
_NFT_TABLE = re.compile(rf"^table \w+ {HIDDEN}\w* \{{\n(?:.*\n)*?\}}\n", re.MULTILINE)
_NOT_IN_NAMES = re.compile(r"[^\w.-]+")
_LONGEST_NAME = 48


def take_snapshot(lab: Lab, moment: str) -> None:
    """Write `moment`/NODE/COMMAND.txt for all nodes at once; `moment` is before, mid or after."""
    visible = [node for name, node in lab.nodes.items() if not name.startswith(HIDDEN)]
    with ThreadPoolExecutor(len(visible)) as threads:
        list(threads.map(lambda node: _of_node(lab, node, moment), visible))


def _of_node(lab: Lab, node: Node, moment: str) -> None:
    folder = lab.folder / moment / node.name
    folder.mkdir(parents=True, exist_ok=True)
    for command in _commands(lab, node, moment):
        text = node.run(*command.split(" "), check=False)
        if command == "nft list ruleset":
            text = _NFT_TABLE.sub("", text)
        _write(folder, command, text)
    (folder / "when.txt").write_text(
        f"epoch {time.time():.9f}\n", "utf-8"
    )  # by the node's clock, as its captures


def _commands(lab: Lab, node: Node, moment: str) -> list[str]:
    commands = list(_EVERY_NODE)
    if node.name in lab.tracked:
        commands += _TRACKING_NODE
    commands += lab.texts.get(node.name, ())
    if moment == "before":
        commands.append(_SETTINGS)
        commands += [f"ethtool -k {point.interface}" for point in lab.points if point.node == node.name]
    return commands


def _write(folder: Path, command: str, text: str) -> None:
    name = _NOT_IN_NAMES.sub("_", command.replace("/proc/", "proc_")).strip("_")[:_LONGEST_NAME]
    (folder / f"{name}.txt").write_text(f"$ {command}\n{text}", "utf-8")
