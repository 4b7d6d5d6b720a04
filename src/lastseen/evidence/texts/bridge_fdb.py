"""`bridge fdb`: behind which port a bridge or tunnel device looks for a MAC address.

Source: iproute2's bridge/fdb.c (3.x to 6.x).

Rows: a `ForwardingEntry` a line; `destination` is a VXLAN or Geneve tunnel's far end.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import ForwardingEntry
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "bridge fdb"

_COMMAND = re.compile(r"(?:^|[\s/])bridge\s+(?:-\S{1,16}\s+(?:\S{1,64}\s+)?){0,5}fdb(?:\s|$)")
_LINE = re.compile(r"^(?P<mac>[0-9a-f]{2}(?::[0-9a-f]{2}){5,7}) (?P<rest>dev \S{1,64}(?: .*)?)$")
_STATES = frozenset({"permanent", "static", "stale", "noarp"})
_VLAN = re.compile(r"^[0-9]{1,4}$")


def recognise(head: Head) -> bool:
    """Most of the first lines are a MAC address and a device; or the command, with no output."""
    lines = sum(1 for line in head.lines if line.strip())
    return 2 * head.matching(_LINE) > min(20, lines) if lines else bool(_COMMAND.search(head.command))


def read(text: Text) -> Iterator[ForwardingEntry | Weird]:
    """One `ForwardingEntry` a line."""
    for number, line in text.lines():
        if found := _LINE.match(line):
            words = found["rest"].split(maxsplit=64)[:64]
            pairs = dict(reversed(list(pairwise([*words, ""]))))
            vlan = pairs.get("vlan", "")
            yield ForwardingEntry(
                **text.at(number),
                mac=found["mac"],
                device=pairs["dev"],
                vlan=int(vlan) if _VLAN.match(vlan) else None,
                destination=pairs.get("dst", ""),
                master=pairs.get("master", ""),
                state=next((word for word in reversed(words) if word in _STATES), ""),
            )
        elif line.strip():
            yield text.weird(number, "not an entry of a forwarding table")
