"""What more is worth knowing of each stop: its offloads, and the zone that connection tracking keeps its packets in.

`ethtool -k` is read by the reader of evidence. Zones are set by rules that name the interface: `-j CT --zone` of
iptables' raw table, as Neutron's hybrid firewall has one for each port (neutron/agent/linux/iptables_firewall.py), or
nftables' `ct zone set` (nft(8), CONNTRACK EXPRESSIONS).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from lastseen.evidence.texts import ethtool_features
from lastseen.evidence.texts.text import Text
from lastseen.hosts.asking import ask
from lastseen.hosts.names import interface
from lastseen.hosts.probing import HostFacts
from lastseen.live.walking import Stop
from lastseen.tables.facts_from_texts import Setting

__all__ = ["offloads_in", "with_features", "zones_in"]

SHORT: Final = {
    "rx-checksumming": "rx",
    "tx-checksumming": "tx",
    "tcp-segmentation-offload": "tso",
    "generic-segmentation-offload": "gso",
    "generic-receive-offload": "gro",
    "large-receive-offload": "lro",
    "hw-tc-offload": "hw-tc",
}
"""Offloads that change what a capture shows, by the names people switch them with (ethtool.c, off_flag_def)."""
_IPTABLES: Final = re.compile(r"(?:-i|--physdev-in) (?P<interface>\S+) .*-j CT .*--zone (?P<zone>\d{1,5})\b")
_NFT: Final = re.compile(r'iifname "(?P<interface>[^"]+)" .*\bct (?:original )?zone set (?P<zone>\d{1,5})\b')


def with_features(facts: HostFacts, stops: Sequence[Stop]) -> list[Stop]:
    """The stops with what the host says of them; in one round trip."""
    questions: dict[str, tuple[str, ...]] = {}
    for stop in stops:
        if "ethtool" in facts.tools:
            questions[f"{stop.netns} {stop.name}"] = _inside(
                stop.netns, "ethtool", "-k", interface(stop.name)
            )
        if (
            "iptables-save" in facts.tools
        ):  # of all tables that are there: to ask for one would load its module
            questions[f"{stop.netns} iptables-save"] = _inside(stop.netns, "iptables-save")
        if "nft" in facts.tools:
            questions[f"{stop.netns} nft list"] = _inside(stop.netns, "nft", "list", "ruleset")
    answers = {name: said.text for name, said in ask(facts.host, questions).items() if said.ok}
    found = []
    for stop in stops:
        rules = "\n".join(answers.get(f"{stop.netns} {tool}", "") for tool in ("iptables-save", "nft list"))
        offloads = tuple(offloads_in(answers.get(f"{stop.netns} {stop.name}", "")))
        found.append(replace(stop, offloads=offloads, zone=zones_in(rules).get(stop.name)))
    return found


def _inside(netns: str, *command: str) -> tuple[str, ...]:
    return ("nsenter", f"--net={netns}", *command) if netns else command


def offloads_in(shown: str) -> Iterator[str]:
    r"""The offloads of SHORT that `ethtool -k` says are on.

    >>> list(offloads_in("Features for eth0:\ntx-checksumming: on\ngeneric-receive-offload: off\n"))
    ['tx']
    """
    text = Text(file="ethtool -k", numbered=enumerate(shown.splitlines(), start=1))
    for row in ethtool_features.read(text):
        if isinstance(row, Setting) and row.value == "on" and row.name in SHORT:
            yield SHORT[row.name]


def zones_in(rules: str) -> dict[str, int]:
    """Interface to zone, of rules as iptables-save or nft print them.

    >>> zones_in("-A PREROUTING -m physdev --physdev-in qvb3f -j CT --zone 4097")
    {'qvb3f': 4097}
    """
    found = {}
    for line in rules.splitlines():
        if hit := _IPTABLES.search(line) or _NFT.search(line):
            found[hit["interface"]] = int(hit["zone"])
    return found
