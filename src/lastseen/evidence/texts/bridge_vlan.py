"""`bridge vlan`: which VLANs a bridge's port carries.

Source: iproute2's bridge/vlan.c. Up to 5.6 the heading was `port	vlan ids` with a blank line between ports; a port
without any has `None`. With `-s` each VLAN has counters, which are known lines and give no rows.

Rows: `Setting` of scope "vlan:PORT", name the VLAN or range, value its flags ("PVID Egress Untagged") or "tagged".
"""

import re
from collections.abc import Iterator

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Setting
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "bridge vlan"

_COMMAND = re.compile(
    r"(?:^|[\s/])bridge\s+(?:-\S{1,16}\s+(?:\S{1,64}\s+)?){0,5}vlan(?:\s+(?:show|list|ls)(?:\s.*)?)?$"
)
_HEADER = re.compile(r"^port\s+vlan(?:-id| ids)(?:\s+(?:tunnel|state|mcast)\S*)*\s*$")
_LINE = re.compile(
    r"^(?:(?P<port>\S{1,64})\s+|\s+)(?P<vlan>[0-9]{1,4}(?:-[0-9]{1,4})?|None)"
    r"(?P<flags>(?:\s+(?:PVID|Egress|Untagged|Tagged)){0,4})(?:\s+state \S{1,16}.{0,80})?\s*$"
)
_PORT = re.compile(r"^(?P<port>\S{1,64})\s*$")
_STATISTICS = re.compile(r"^\s+(?:RX|TX): [0-9]{1,20} bytes")


def recognise(head: Head) -> bool:
    """The heading is the first line; or the command, with no output."""
    first = head.first()
    return bool(_HEADER.match(first)) if first else bool(_COMMAND.search(head.command))


def read(text: Text) -> Iterator[Setting | Weird]:
    """One `Setting` a port and VLAN."""
    port = ""
    for number, line in text.lines():
        if not line.strip() or _HEADER.match(line) or _STATISTICS.match(line):
            continue
        if found := _LINE.match(line):
            port = found["port"] or port
            if found["vlan"] != "None" and port:
                flags = " ".join(found["flags"].split()) or "tagged"
                yield Setting(**text.at(number), scope=f"vlan:{port}", name=found["vlan"], value=flags)
        elif found := _PORT.match(line):
            port = found["port"]
        else:
            yield text.weird(number, "not a port's VLAN")
