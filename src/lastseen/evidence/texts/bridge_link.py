"""`bridge link` and `brctl show`: the ports of bridges, and whether they forward.

Source: iproute2's bridge/link.c (3.x to 6.x); bridge-utils brctl/brctl_cmd.c.

Rows: an `Interface` a port with its `master`; of `bridge link` also a `Setting` of scope "bridge_port:PORT", name
"state" (disabled, listening, learning, forwarding, blocking).
"""

import re
from collections.abc import Iterator
from itertools import pairwise

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Interface, Setting
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "bridge link"

_COMMAND = re.compile(
    r"(?:^|[\s/])(?:bridge\s+(?:-\S{1,16}\s+(?:\S{1,64}\s+)?){0,5}link(?:\s+(?:show|list|ls)(?:\s.*)?)?$|brctl\s+show(?:\s|$))"
)
_PORT = re.compile(
    r"^(?P<ifindex>[0-9]{1,10}): (?P<name>[^\s:@]{1,64})(?:@(?P<peer>[^\s:]{1,64}))?(?: state \S{1,16} @\S{1,64})?: "
    r"<[A-Z0-9_,-]{0,200}> mtu (?P<mtu>[0-9]{1,10}) "
    r"(?P<rest>(?:master \S{1,64} )?state (?:disabled|listening|learning|forwarding|blocking)\s.*)$"
)
_OTHER = re.compile(r"^\s+\S")
_BRCTL_HEADER = re.compile(r"^bridge name\tbridge id\t\tSTP enabled\tinterfaces\s*$")
_BRIDGE = re.compile(
    r"^(?P<bridge>\S{1,64})\t+(?P<id>[0-9a-f]{4}\.[0-9a-f]{12})\t+(?:yes|no)(?:\t+(?P<port>\S{1,64}))?\s*$"
)
_NEXT_PORT = re.compile(r"^\t{3,10}(?P<port>\S{1,64})\s*$")


def recognise(head: Head) -> bool:
    """The first line is a port with its state, or brctl's heading; or the command, with no output."""
    first = head.first()
    return (
        bool(_PORT.match(first) or _BRCTL_HEADER.match(first))
        if first
        else bool(_COMMAND.search(head.command))
    )


def read(text: Text) -> Iterator[Interface | Setting | Weird]:
    """Rows as above; a bridge without ports gives none."""
    bridge, seen = "", False
    for number, line in text.lines():
        if found := _PORT.match(line):
            seen, name = True, found["name"]
            pairs = dict(pairwise(found["rest"].split()[:32]))
            place = text.at(number)
            index, mtu = int(found["ifindex"]), int(found["mtu"])
            master, peer = pairs.get("master", ""), found["peer"] or ""
            yield Interface(**place, name=name, ifindex=index, mtu_bytes=mtu, master=master, peer=peer)
            yield Setting(**place, scope=f"bridge_port:{name}", name="state", value=pairs["state"])
        elif found := _BRIDGE.match(line) or (_NEXT_PORT.match(line) if bridge else None):
            bridge = found.groupdict().get("bridge") or bridge
            if found["port"]:
                yield Interface(**text.at(number), name=found["port"], master=bridge)
        elif line.strip() and not (_BRCTL_HEADER.match(line) or (seen and _OTHER.match(line))):
            yield text.weird(number, "not a port of a bridge")
