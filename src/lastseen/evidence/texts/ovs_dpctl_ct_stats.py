"""`dpctl/ct-stats-show` and `dpctl/ct-get-limits`: how full connection tracking is, by protocol, state and zone.

A zone at its limit refuses new connections, and the datapath counts that nowhere else. Source: Open vSwitch
lib/dpctl.c (2.6 to 3.3); printed by version 3.1.0.
"""

import re
from collections.abc import Iterator

from lastseen.evidence.ovs_commands import dpctl
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter, Setting
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "dpctl/ct-stats-show"

_COMMAND = dpctl("ct-stats-show|ct-get-limits")
_HEADING = re.compile(r"^\s*Connections Stats:\s*$")
_COUNT = re.compile(r"^\s*(?P<name>Total|[A-Z][\w-]{1,15}): (?P<value>\d{1,20})\s*$")
_STATES = re.compile(r"^\s*Conn per (?P<protocol>\w{1,16}) states:\s*$")
_STATE = re.compile(r"^\s*\[(?P<state>\w{1,32})\]=(?P<value>\d{1,20})\s*$")
_DEFAULT = re.compile(r"^\s*default limit=(?P<limit>\d{1,20})\s*$")
_ZONE = re.compile(
    r"^\s*zone=(?P<zone>\d{1,5}),\s?limit=(?P<limit>\d{1,20}),\s?count=(?P<count>\d{1,20})\s*$"
)

_FAMILY = "ovs_conntrack"


def recognise(head: Head) -> bool:
    """The heading, or limits first; or the command says so."""
    first = head.first()
    return bool(
        _COMMAND.search(head.command) or _HEADING.match(first) or _DEFAULT.match(first) or _ZONE.match(first)
    )


def read(text: Text) -> Iterator[Counter | Setting | Weird]:
    """`Counter`s of family "ovs_conntrack": "total", "tcp", "tcp_SYN_SENT", ... (scope ""), "entries" (scope "zone=N").

    Limits are `Setting`s "limit" of scope "ovs_conntrack:default" and "ovs_conntrack:zone=N"; 0 is no limit.
    """
    protocol = ""
    for number, line in text.lines():
        if found := _COUNT.match(line):
            yield from _count(text, number, found["name"].lower(), found["value"])
        elif found := _STATES.match(line):
            protocol = found["protocol"].lower()
        elif found := _STATE.match(line):
            yield from _count(text, number, f"{protocol}_{found['state']}", found["value"])
        elif found := _DEFAULT.match(line):
            scope = f"{_FAMILY}:default"
            yield Setting(**text.at(number), scope=scope, name="limit", value=found["limit"])
        elif found := _ZONE.match(line):
            zone = f"zone={found['zone']}"
            yield Setting(**text.at(number), scope=f"{_FAMILY}:{zone}", name="limit", value=found["limit"])
            yield from _count(text, number, "entries", found["count"], scope=zone)
        elif line.strip() and not _HEADING.match(line):
            yield text.weird(number, "not a line of conntrack statistics")


def _count(text: Text, number: int, name: str, value: str, *, scope: str = "") -> Iterator[Counter]:
    yield Counter(**text.at(number), family=_FAMILY, scope=scope, name=name, value=int(value))
