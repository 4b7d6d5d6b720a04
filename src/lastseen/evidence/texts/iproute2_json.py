"""What iproute2 prints with `-j`: `ip link/addr/route/neigh/rule`, `bridge link/fdb/vlan`, `tc qdisc/class/filter`.

Source: iproute2 4.14 to 6.x, ip/*.c, bridge/*.c, tc/*.c (`print_*_json`). An element says by its members what it is,
so one reader serves them all; rows and names are those of the text forms.

| element has | row |
|---|---|
| ifname with operstate, link_type or addr_info | `Interface`; `Counter`s of family "link" from `-s` |
| ifname with a bridge port's state | `Interface` with master; `Setting` of scope "bridge_port:IFACE" |
| dst with lladdr or a list of states | `Neighbour` |
| dst | `Route`, one a next hop |
| priority and src | `Rule` of layer "ip_rule" |
| mac | `ForwardingEntry` |
| vlans | `Setting` of scope "vlan:PORT" a VLAN |
| kind or class, with handle | `Counter`s of family "qdisc" |
| protocol and pref | `Rule` of layer "tc" |
"""

import re
from collections.abc import Iterator

from lastseen.evidence import iproute2_objects
from lastseen.evidence.json_elements import elements
from lastseen.evidence.texts.text import MAX_DOCUMENT_CHARS, Head, Text
from lastseen.tables.facts_from_texts import Row
from lastseen.tables.sources import Weird

__all__ = ["KIND", "LONGEST_LINE", "read", "recognise"]

KIND = "iproute2 -j"
LONGEST_LINE = MAX_DOCUMENT_CHARS

_COMMAND = re.compile(
    r"(?:^|[\s/])(?:ip|bridge|tc)\s+(?:-\S{1,16}\s+(?:\S{1,64}\s+)?){0,6}?-(?:\w{0,3}j\w{0,3}|json)\s"
)
_START = re.compile(
    r'^\s*\[\s*(?:\{\s*\}\s*,\s*)*\{\s*"(?P<member>ifindex|link_index|ifname|dst|type|priority|mac|kind|protocol|class|parent)"'
)
_KNOWN = re.compile(
    r'"(?:operstate|linkmode|addr_info|link_type|lladdr|gateway|via|prefsrc|scope|table|vlans|handle|pref|viaIf|nexthops|master|state|flags)"\s*:'
)
_HEAD_CHARS = 16_384


def recognise(head: Head) -> bool:
    """An array whose first object begins with a member of iproute2's; or the command, with no output or `[]`."""
    start = "\n".join(head.lines[:40])[:_HEAD_CHARS]
    if start.strip() in {"", "[]", "[{}]"}:
        return bool(_COMMAND.search(head.command))
    return bool(_START.match(start)) and bool(_KNOWN.search(start))


def read(text: Text) -> Iterator[Row | Weird]:
    """Rows as in the table above; an empty element is one the tool filtered out."""
    for found in elements(text):
        if isinstance(found, Weird):
            yield found
            continue
        line, element = found
        rows = iproute2_objects.rows_of(text, line, element)
        if rows is not None:
            yield from rows
        elif element:
            yield text.weird(line, "an object of no known kind")
