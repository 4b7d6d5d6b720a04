"""`ip rule`: which routing table is asked for which packets.

Source: `print_rule` of iproute2's ip/iprule.c (4.x to 6.x).

Rows: `Rule` of layer "ip_rule", place "", priority as printed, `match` the selectors (`from 10.0.0.0/24 iif eth0`),
`actions` what is done (`lookup 100`, `unreachable`); `drops` for unreachable, blackhole and prohibit.
"""

import re
from collections.abc import Iterator

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Rule
from lastseen.tables.sources import Weird

__all__ = ["DISCARDING", "KIND", "read", "recognise"]

KIND = "ip rule"
DISCARDING = frozenset({"unreachable", "blackhole", "prohibit"})

_COMMAND = re.compile(
    r"(?:^|[\s/])ip\s+(?:-n(?:etns)?\s+\S{1,64}\s+|-\S{1,16}\s+){0,6}ru(?:l(?:e)?)?(?:\s+(?:show|list|ls)(?:\s.*)?)?$"
)
_LINE = re.compile(
    r"^(?P<priority>[0-9]{1,10}):\s+(?P<match>(?:not )?from \S{1,64}(?: \S{1,64}){0,30}?)"
    r"(?: (?P<actions>(?:\[?lookup|goto|nop|unreachable|blackhole|prohibit|realms|map-to|masquerade)\b.*))?\s*$"
)


def recognise(head: Head) -> bool:
    """Every one of the first lines is a rule; or the command, with no output."""
    lines = [line for line in head.lines if line.strip()][:20]
    return all(_LINE.match(line) for line in lines) if lines else bool(_COMMAND.search(head.command))


def read(text: Text) -> Iterator[Rule | Weird]:
    """One `Rule` a line."""
    for number, line in text.lines():
        if found := _LINE.match(line):
            actions = (found["actions"] or "").strip()
            yield Rule(
                **text.at(number),
                layer="ip_rule",
                place="",
                priority=int(found["priority"]),
                match=found["match"],
                actions=actions,
                packets=None,
                bytes=None,
                drops=actions.partition(" ")[0] in DISCARDING,
            )
        elif line.strip():
            yield text.weird(number, "not a routing rule")
