"""`ip neigh` (and `-s`), and /proc/net/arp: which MAC address a neighbour has, and whether it answers.

Source: `print_neigh` of iproute2's ip/ipneigh.c (4.x to 6.x); the kernel's net/ipv4/arp.c, `arp_format_neigh_entry`,
whose flags are 0x2 complete, 0x4 permanent, 0x8 published.

Rows: a `Neighbour` a line; a failed or incomplete one has no MAC.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from lastseen.evidence.nf_log import endpoint_of
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Neighbour
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "ip neigh"

_COMMAND = re.compile(
    r"(?:^|[\s/])ip\s+(?:-n(?:etns)?\s+\S{1,64}\s+|-\S{1,16}\s+){0,6}"
    r"n(?:e(?:i(?:g(?:h(?:b(?:o(?:u(?:r)?)?)?)?)?)?)?)?(?:\s+(?:show|list|ls|dev)(?:\s.*)?)?$|\s/proc/net/arp(?:\s|$)"
)
_STATES: Final = "REACHABLE|STALE|DELAY|PROBE|FAILED|INCOMPLETE|PERMANENT|NOARP|NONE"
_LINE = re.compile(
    r"^(?P<address>[0-9a-fA-F:.]{2,45})(?: dev (?P<dev>\S{1,64}))?(?P<rest>(?:\s+\S{1,64}){0,24}?)"
    rf"\s+(?P<state>(?:{_STATES})(?:,(?:{_STATES}))*)(?:\s+proto \S{{1,32}})?\s*$"
)
_ARP_HEADER = re.compile(r"^IP address\s+HW type\s+Flags\s+HW address\s+Mask\s+Device\s*$")
_ARP = re.compile(
    r"^(?P<address>[0-9.]{7,15})\s+0x[0-9a-f]{1,4}\s+0x(?P<flags>[0-9a-f]{1,4})\s+(?P<mac>[0-9a-f:]{2,60})\s+\S{1,20}"
    r"\s+(?P<dev>\S{1,64})\s*$"
)
_COMPLETE, _PERMANENT = 0x2, 0x4


def recognise(head: Head) -> bool:
    """Every one of the first lines is a neighbour, or the first is the heading of /proc; or the command."""
    first = head.first()
    if not first:
        return bool(_COMMAND.search(head.command))
    lines = [line for line in head.lines if line.strip()][:20]
    return bool(_ARP_HEADER.match(first)) or all(_LINE.match(line) for line in lines)


def read(text: Text) -> Iterator[Neighbour | Weird]:
    """One `Neighbour` a line."""
    for number, line in text.lines():
        found = _LINE.match(line) or _ARP.match(line)
        end = endpoint_of(found["address"]) if found else None
        if found is not None and end is not None:
            groups = found.groupdict()
            mac, state = _arp(groups) if "flags" in groups else _ip(groups)
            device = groups["dev"] or ""
            yield Neighbour(**text.at(number), address=end.address, device=device, mac=mac, state=state)
        elif line.strip() and not _ARP_HEADER.match(line):
            yield text.weird(number, "not a neighbour")


def _ip(groups: dict[str, str]) -> tuple[str, str]:
    return dict(pairwise(groups["rest"].split())).get("lladdr", ""), groups["state"]


def _arp(groups: dict[str, str]) -> tuple[str, str]:
    """(MAC, state) as `ip neigh` would say; of a complete entry /proc does not tell whether it is fresh."""
    flags = int(groups["flags"], base=16)
    if not flags & _COMPLETE:
        return "", "INCOMPLETE"
    return groups["mac"], "PERMANENT" if flags & _PERMANENT else "COMPLETE"
