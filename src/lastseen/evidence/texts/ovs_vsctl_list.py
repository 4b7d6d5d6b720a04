"""`ovs-vsctl list interface`: every column of every interface of the switch.

It knows what `ovs-vsctl show` does not (ifindex, MAC, MTU, link state) but not the bridge; the bridge part of
a setting's scope is therefore empty. Source: Open vSwitch lib/db-ctl-base.c, list format (all versions).
"""

import re
from collections.abc import Iterator

from lastseen.evidence.texts.ovs_vsctl import options_of
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Interface, Setting
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "ovs-vsctl list interface"

_COMMAND = re.compile(
    r"^(?:[^;&|]{0,200}[\s/\"'])?ovs-vsctl\s(?:-[^;&|\s]{1,50}\s){0,8}(?:list|find)\s(?i:interface)\b[^;&]*$"
)
_COLUMN = re.compile(r"^(?P<column>_?[a-z][a-z0-9_]{0,63})\s*: (?P<value>.*)$")
_INTERFACE_COLUMN = re.compile(
    r"^(?:admin_state|bfd_status|cfm_fault|cfm_mpid|ifindex|ingress_policing_(?:rate|burst)|lacp_current"
    r"|link_resets|link_speed|link_state|mac_in_use|mtu_request|ofport|ofport_request)\s*: "
)
_ENOUGH_COLUMNS = 2
"""Two columns only the Interface table has: `--columns=name,ofport,link_state` is still one of ours."""
_KEPT = frozenset(
    {"_uuid", "ifindex", "link_state", "mac_in_use", "mtu", "name", "options", "status", "type"}
)
_NUMBER = re.compile(r"\d{1,10}")

_Record = dict[str, tuple[int, str]]


def recognise(head: Head) -> bool:
    """Columns only the Interface table has, in list format; or the command says so."""
    if _COMMAND.search(head.command):
        return True
    return (
        bool(_COLUMN.match(head.first())) and head.matching(_INTERFACE_COLUMN, within=40) >= _ENOUGH_COLUMNS
    )


def read(text: Text) -> Iterator[Interface | Setting | Weird]:
    """An `Interface` a record (kind: type, else driver) and a `Setting` of scope "ovs:/NAME" an option."""
    record: _Record = {}
    for number, line in text.lines():
        found = _COLUMN.match(line)
        if not line.strip() or (found and found["column"] in record):
            yield from _rows(text, record)
            record = {}
        if found and found["column"] in _KEPT:
            record[found["column"]] = (number, found["value"].strip())
        elif line.strip() and not found:
            yield text.weird(number, "not a 'column : value' line")
    yield from _rows(text, record)


def _rows(text: Text, record: _Record) -> Iterator[Interface | Setting | Weird]:
    if not record:
        return
    first = min(number for number, _ in record.values())
    name = _word(record, "name")
    if not name:
        yield text.weird(first, "an interface without a name")
        return
    yield Interface(
        **text.at(first),
        name=name,
        ifindex=_number(record, "ifindex"),
        mac=_word(record, "mac_in_use"),
        mtu_bytes=_number(record, "mtu"),
        kind=_word(record, "type") or options_of(record.get("status", (0, ""))[1]).get("driver_name", ""),
        state=_word(record, "link_state"),
    )
    number, options = record.get("options", (0, ""))
    for option, value in options_of(options).items():
        yield Setting(**text.at(number), scope=f"ovs:/{name}", name=option, value=value)


def _word(record: _Record, column: str) -> str:
    """A column's one word without quotes; the empty set `[]` is ''."""
    value = record.get(column, (0, ""))[1].strip('"')
    return "" if value == "[]" else value


def _number(record: _Record, column: str) -> int | None:
    value = _word(record, column)
    return int(value) if _NUMBER.fullmatch(value) else None
