"""What tcpdump says on stderr: the interface it listened on and, at the end, what it caught and lost.

"dropped by kernel" decides whether a packet missing from a capture is missing from the wire. Files of several
captures are often written one after another into one file. Source: tcpdump 3.9 to 4.99, tcpdump.c.
"""

import re
from collections import Counter as Tally
from collections.abc import Iterator
from itertools import islice

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "tcpdump closing lines"

_LISTENING = re.compile(
    r"^(?:tcpdump: )?listening on (?P<device>[^\s,]{1,128})(?: \([^()]{0,128}\))?, link-type \w"
)
_CLOSING = re.compile(
    r"^(?:\^C)?\s*(?P<count>\d{1,20}) packets? "
    r"(?P<what>captured|received by filter|dropped by (?:kernel|interface))\s*$"
)
_CHATTER = re.compile(
    r"^(?:tcpdump: (?:verbose output suppressed|data link type |WARNING: |warning: |dropped privs )"
    r"|dropped privs to |Warning: |Got \d{1,20}\b|\^C\s*$)"
)
_MAX_DEVICES = 4096
"""More different interfaces than a host can sensibly have: beyond it names are no longer told apart."""


def recognise(head: Head) -> bool:
    """All of the first lines are tcpdump's own, and one is an interface or a count; no packet among them."""
    first = list(islice((line for line in head.lines if line.strip()), 20))
    told = [line for line in first if _LISTENING.match(line) or _CLOSING.match(line)]
    return bool(told) and all(_CHATTER.match(line) for line in first if line not in told)


def read(text: Text) -> Iterator[Counter | Weird]:
    """`Counter`s of family "capture"; scope the interface, with "#2" for its second capture in the file.

    Closing lines are the last named interface's. Where two captures began before one ended, nobody can tell
    whose they are: they become weirds. Without any interface the scope is "".
    """
    seen: Tally[str] = Tally()
    scope, given, mixed = "", set[str](), False
    for number, line in text.lines():
        if found := _LISTENING.match(line):
            mixed = bool(scope) and not given
            scope, given = _scope(seen, found["device"]), set()
        elif found := _CLOSING.match(line):
            name = "packets_" + found["what"].replace(" ", "_")
            if mixed or name in given:
                yield text.weird(number, "a closing line that belongs to no one interface")
                continue
            given.add(name)
            value = int(found["count"])
            yield Counter(**text.at(number), family="capture", scope=scope, name=name, value=value)
        elif line.strip() and not _CHATTER.match(line):
            yield text.weird(number, "not one of tcpdump's closing lines")


def _scope(seen: Tally[str], device: str) -> str:
    if device in seen or len(seen) < _MAX_DEVICES:
        seen[device] += 1
    return device if seen[device] <= 1 else f"{device}#{seen[device]}"
