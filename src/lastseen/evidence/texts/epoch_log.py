"""The log of a program that begins each line with seconds since the epoch (`1795385094.505852 accepted ...`).

Many small servers and scripts log so, and it is what `date +%s.%N` and `ts %.s` (moreutils) put before a line. Traces
and listings of packets that begin alike have readers of their own.

Rows: a `LogLine` a line, clock "wall", zone known; with a topic where `program_messages` knows what it says.
"""

import re
from collections.abc import Iterator
from typing import Final

from lastseen.evidence.program_messages import about
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import LogLine
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "log with epoch times"
MAX_TEXT_CHARS: Final = 1000

_LINE = re.compile(r"^(?P<second>[0-9]{10})[.,](?P<fraction>[0-9]{3,9})\s(?P<text>\S.*)$")
_ANOTHERS = re.compile(
    r"^[0-9]{10}\.[0-9]{3,9}\s+(?:\S{1,16}\s+(?:In|Out|B|M|P)\s+)?"
    r"(?:IP6? |ARP[, ]|MPLS |[0-9a-f]{2}:[0-9a-f]{2}:|\w{1,32}\(|<\.\.\.|\[pid|\+\+\+|---"
    r"|\S{1,255} \S{1,255}?(?:\[[0-9]{1,10}\])?: )"
)
"""tcpdump -tt, strace -ttt, and the journal's short-unix."""
_CONTINUED = re.compile(r"^\s")


def recognise(head: Head) -> bool:
    """Most of the first lines begin with such a time, and none as a trace, a packet or the journal would go on."""
    lines = min(20, sum(1 for line in head.lines if line.strip()))
    return 2 * head.matching(_LINE) > lines and not head.matching(_ANOTHERS)


def read(text: Text) -> Iterator[LogLine | Weird]:
    """One `LogLine` a line; an indented one continues it."""
    seen = False
    for number, line in text.lines():
        if found := _LINE.match(line):
            seen = True
            at_ns = int(found["second"]) * 1_000_000_000 + int(found["fraction"].ljust(9, "0"))
            message = found["text"][:MAX_TEXT_CHARS].strip()
            topic, reason = about(message)
            yield LogLine(
                **text.at(number), at_ns=at_ns, clock="wall", zone_known=True, text=message, topic=topic,
                reason=reason,
            )  # fmt: skip
        elif line.strip() and not (seen and _CONTINUED.match(line)):
            yield text.weird(number, "not a line with an epoch time")
