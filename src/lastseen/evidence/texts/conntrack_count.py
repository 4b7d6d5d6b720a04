"""`conntrack -C` and /proc/sys/net/netfilter/nf_conntrack_count: how many connections are being tracked.

The output is a bare number, so the command line above it is needed to know it. Source: conntrack-tools 1.4,
src/conntrack.c; the kernel's nf_conntrack_standalone.c.

Rows: `Counter` of family "conntrack", scope "", name "entries" (as `conntrack -S` and /proc name it).
"""

import re
from collections.abc import Iterator

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "conntrack -C"

_COMMAND = re.compile(
    r"(?:^|[\s/])conntrack\s[^|;]{0,80}?(?:-C|--count)(?:\s|$)"
    r"|\s/proc/sys/net/(?:netfilter/nf|ipv4/netfilter/ip)_conntrack_count\s*$"
)
_COUNT = re.compile(r"^\s*(?P<count>[0-9]{1,10})\s*$")
_SHOWN = re.compile(r"^conntrack v\S{1,20} \(conntrack-tools\)")


def recognise(head: Head) -> bool:
    """The command says so."""
    return bool(_COMMAND.search(head.command))


def read(text: Text) -> Iterator[Counter | Weird]:
    """One `Counter`, whatever else the tool says."""
    for number, line in text.lines():
        if found := _COUNT.match(line):
            value = int(found["count"])
            yield Counter(**text.at(number), family="conntrack", scope="", name="entries", value=value)
        elif line.strip() and not _SHOWN.match(line):
            yield text.weird(number, "not a number of tracked connections")
