"""`ovs-appctl bond/show` and `lacp/show`: which members of a bond carry traffic, and what the other side agreed to.

Half the connections of a bond die with one member that is up but not served by the switch behind it. Members were
called slaves up to 2.15. Source: Open vSwitch ofproto/bond.c and lib/lacp.c (2.0 to 3.3); printed by version 3.1.0.
"""

import re
from collections.abc import Iterator

from lastseen.evidence.ovs_commands import appctl
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter, Interface, Setting
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "ovs-appctl bond/show"

_COMMAND = appctl("bond/show|lacp/show|lacp/show-stats")
_BOND = re.compile(r"^\s*---- (?P<bond>\S{1,64}?)(?: statistics)? ----\s*$")
_MEMBER = re.compile(r"^\s*(?:slave|member):? (?P<name>[^\s:]{1,64}): ?(?P<state>[a-z][a-z ]{0,60}|)\s*$")
_STATISTIC = re.compile(r"^\s*(?P<name>[A-Z][A-Za-z ]{3,30}): (?P<value>\d{1,20})\s*$")
_PAIR = re.compile(r"^\s*(?P<name>[a-zA-Z_-][\w -]{1,48}?)\s?: ?(?P<value>\S.{0,200}|)$")
_ALONE = re.compile(r"^\s*(?:active (?:slave|member)|may_enable)\b|^\s*$")
_HASH = re.compile(r"^\s*hash (?P<hash>\d{1,5}): (?P<load>\d{1,20}) kB load\s*$")
_KNOWN_COLUMNS = re.compile(
    r"^\s*(?:bond_mode|bond may use|lacp_status|updelay|status|sys_id|aggregation key):?\s"
)


def recognise(head: Head) -> bool:
    """`---- BOND ----` first and a bond's or LACP's column or member below; or the command says so."""
    if _COMMAND.search(head.command):
        return True
    return bool(
        _BOND.match(head.first())
        and (head.matching(_KNOWN_COLUMNS, within=8) or head.matching(_MEMBER, within=8))
    )


def read(text: Text) -> Iterator[Setting | Interface | Counter | Weird]:
    """`Setting`s of scope "bond:BOND" and "bond:BOND/MEMBER", one a printed column, with its printed name.

    A member's own state ("enabled", "current attached") is its `Setting` "state". Members are `Interface`s with the
    bond as master. LACP statistics are `Counter`s of family "lacp", scope "BOND/MEMBER".
    """
    bond, member = "", ""
    for number, line in text.lines():
        if found := _BOND.match(line):
            bond, member = found["bond"], ""
        elif not bond:
            if line.strip():
                yield text.weird(number, "a line before any bond")
        elif found := _MEMBER.match(line):
            member = found["name"]
            yield Interface(**text.at(number), name=member, master=bond)
            if found["state"]:
                yield _setting(text, number, _scope(bond, member), name="state", value=found["state"].strip())
        elif (found := _STATISTIC.match(line)) and member:
            name = found["name"].lower().replace(" ", "_")
            scope, value = f"{bond}/{member}", int(found["value"])
            yield Counter(**text.at(number), family="lacp", scope=scope, name=name, value=value)
        elif not _HASH.match(line) and (found := _PAIR.match(line)):
            yield _setting(
                text, number, _scope(bond, member), name=found["name"], value=found["value"].strip()
            )
        elif not _HASH.match(line) and not _ALONE.match(line):
            yield text.weird(number, "not a line of a bond")


def _scope(bond: str, member: str) -> str:
    return f"bond:{bond}/{member}" if member else f"bond:{bond}"


def _setting(text: Text, number: int, scope: str, *, name: str, value: str) -> Setting:
    return Setting(**text.at(number), scope=scope, name=name, value=value)
