"""`ovn-nbctl acl-list SWITCH`: the access rules of a logical switch or port group, as the cloud wrote them.

They have no counters. Source: OVN utilities/ovn-nbctl.c (Open vSwitch 2.6 to OVN 24.03); printed by OVN 23.03.1.
"""

import re
from collections.abc import Iterator

from lastseen.evidence.ovs_commands import ctl
from lastseen.evidence.texts.ovs_ofctl_flows import bridge_of
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Rule
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "ovn-nbctl acl-list"

_COMMAND = ctl("ovn-nbctl", "acl-list")
_ACL = re.compile(r"^\s*(?P<direction>from-lport|to-lport)\s{1,4}(?P<priority>\d{1,5}) \((?P<rest>.*)$")
_VERDICT = re.compile(
    r"\) (?P<actions>(?:allow-related|allow-stateless|allow|drop|reject|pass)"
    r"(?: [a-z-]{1,24}(?:\([^()]{0,400}\))?){0,6})\s*$"
)
_LONGEST_END = 2048
"""A verdict with its log options has 100 characters; it is looked for in this much of a line's end."""


def recognise(head: Head) -> bool:
    """An access rule first; or the command says so."""
    return bool(_COMMAND.search(head.command)) or _acl(head.first()) is not None


def read(text: Text) -> Iterator[Rule | Weird]:
    """One `Rule` of layer "ovn_acl" a line; place "SWITCH DIRECTION" (or "DIRECTION"), actions verdict and logging."""
    switch = bridge_of(text.command, "acl-list")
    for number, line in text.lines():
        parts = _acl(line)
        if parts:
            direction, priority, match, actions = parts
            yield Rule(
                **text.at(number),
                layer="ovn_acl",
                place=f"{switch} {direction}".strip(),
                priority=priority,
                match=match,
                actions=actions,
                packets=None,
                bytes=None,
                drops=actions.startswith(("drop", "reject")),
            )
        elif line.strip():
            yield text.weird(number, "not an access rule")


def _acl(line: str) -> tuple[str, int, str, str] | None:
    """(direction, priority, match, actions). The match holds brackets: the verdict is looked for from the end."""
    found = _ACL.match(line)
    if found is None:
        return None
    rest = found["rest"]
    verdict = _VERDICT.search(rest, max(0, len(rest) - _LONGEST_END))
    if verdict is None:
        return None
    return found["direction"], int(found["priority"]), rest[: verdict.start()], verdict["actions"]
