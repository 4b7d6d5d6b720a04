"""`ethtool -k`: which offloads an interface does, and what `ethtool -K` reports that it changed.

Source: `dump_features` of ethtool's features.c (and ethtool.c before 5.9). Before 2.6.36 the block was headed
"Offload parameters" and names were written with blanks; they are returned with hyphens, as all later ones.
"""

import re
from collections.abc import Iterator

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Setting
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "ethtool -k"

_COMMAND = re.compile(
    r"(?:^|[\s/])ethtool\s+(?:-k|-K|--show-features|--show-offload|--features|--offload)\s+(?P<interface>\S{1,64})"
)
_HEADER = re.compile(r"^(?:Features|Offload parameters) for (?P<interface>\S{1,64}):\s*$")
_CHANGES = re.compile(r"^Actual changes:\s*$")
_FEATURE = re.compile(
    r"^\s{0,8}(?P<name>[a-z][a-z0-9_ -]{2,60}): (?P<value>on|off)"
    r"(?: \[(?:fixed|not requested|requested on|requested off)[^\]]{0,40}\])?\s*$"
)
_REFUSED = re.compile(r"^(?:Cannot (?:get|change|set) |netlink error: |Could not change any )")


def recognise(head: Head) -> bool:
    """The first line heads a block of features or of changes; or the command, with no output."""
    first = head.first()
    if not first:
        return bool(_COMMAND.search(head.command))
    if _REFUSED.match(first):
        return head.matching(_FEATURE) > 0
    return bool(_HEADER.match(first)) or (bool(_CHANGES.match(first)) and head.matching(_FEATURE) > 0)


def read(text: Text) -> Iterator[Setting | Weird]:
    """One `Setting` of scope "offload:IFACE" a feature, value "on" or "off" (what is, not what was asked).

    The interface of a block of changes is known from the command only; without it the scope is "offload:".
    """
    found = _COMMAND.search(text.command)
    interface = found["interface"] if found else ""
    for number, line in text.lines():
        if found := _HEADER.match(line):
            interface = found["interface"]
        elif found := _FEATURE.match(line):
            name = found["name"].replace(" ", "-")
            yield Setting(**text.at(number), scope=f"offload:{interface}", name=name, value=found["value"])
        elif line.strip() and not (_CHANGES.match(line) or _REFUSED.match(line)):
            yield text.weird(number, "not a feature that is on or off")
