"""`ethtool -S`: a driver's own counters, under the driver's own names.

Source: `do_gnicstats` of ethtool.c ("NIC statistics:") and netlink/stats.c ("Standard stats for eth0:").
Names may hold blanks, brackets and colons; the value is what stands behind the last colon.
"""

import re
from collections.abc import Iterator

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "ethtool -S"

_COMMAND = re.compile(
    r"(?:^|[\s/])ethtool\s+(?:-S|--statistics)\s+(?:-\S{1,32}\s+){0,3}(?P<interface>[^\s-]\S{0,63})"
)
_HEADER = re.compile(r"^(?:NIC statistics|Standard stats for (?P<interface>\S{1,64})):\s*$")
_VALUE = re.compile(r"^(?P<sign>-?)(?P<digits>[0-9]{1,20})$")
_REFUSED = re.compile(r"^(?:no stats available|Cannot get stats |netlink error: )")


def recognise(head: Head) -> bool:
    """The first line heads a list of counters; or the command, with no output."""
    first = head.first()
    return bool(_HEADER.match(first)) if first else bool(_COMMAND.search(head.command))


def read(text: Text) -> Iterator[Counter | Weird]:
    """One `Counter` of family "nic" a line; scope is the interface, "" where nothing tells it."""
    found = _COMMAND.search(text.command)
    scope = found["interface"] if found else ""
    headed = False
    for number, line in text.lines():
        if found := _HEADER.match(line):
            scope, headed = found["interface"] or scope, True
            continue
        name, _, value = line.rpartition(":")
        if headed and name.strip() and _VALUE.match(value.strip()):
            yield Counter(**text.at(number), family="nic", scope=scope, name=name.strip(), value=int(value))
        elif line.strip() and not _REFUSED.match(line):
            yield text.weird(number, "not a 'name: number' line")
