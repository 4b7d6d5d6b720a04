"""`ovs-vsctl list interface`, as list, table or CSV: every column of every interface of the switch.

It knows what `ovs-vsctl show` does not (ifindex, MAC, MTU, link state, statistics) but not the bridge; the bridge part
of a setting's scope is therefore empty. JSON is read by `ovs_vsctl_tables`. Source: Open vSwitch lib/db-ctl-base.c,
lib/table.c and vswitchd/vswitch.ovsschema (all versions; printed by 3.1.0).
"""

import re
from collections.abc import Iterator

from lastseen.evidence.ovs_commands import ctl
from lastseen.evidence.ovsdb_records import Record, is_json, options_of, records, word_of
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter, Interface, Setting
from lastseen.tables.sources import Weird

__all__ = ["INTERFACE_COLUMNS", "KIND", "interface_rows", "read", "recognise"]

KIND = "ovs-vsctl list interface"

INTERFACE_COLUMNS = frozenset(
    {
        "admin_state", "bfd_status", "cfm_fault", "cfm_mpid", "ifindex", "ingress_policing_burst",
        "ingress_policing_rate", "lacp_current", "link_resets", "link_speed", "link_state", "mac_in_use", "mtu_request",
        "ofport", "ofport_request",
    }
)  # fmt: skip
"""Columns only the Interface table has."""
ENOUGH_COLUMNS = 2
"""Two of them: `--columns=name,ofport,link_state` is still one of ours."""

_COMMAND = ctl("ovs-vsctl", "(?:list|find) (?i:interface)")
_COLUMN = re.compile(r"^(?P<column>_?[a-z][a-z0-9_]{0,63})\s*: ")
_HEADINGS = re.compile(r"^_?[a-z][a-z0-9_]{0,63}(?:(?:,| +)_?[a-z][a-z0-9_]{0,63})+\s*$")
_NUMBER = re.compile(r"\d{1,10}")
_COUNT = re.compile(r"\d{1,20}")
_HEAD_LINES = 40


def recognise(head: Head) -> bool:
    """Columns only the Interface table has, in list format or as headings; or the command says so."""
    first = head.first()
    if is_json(first):
        return False
    if _COMMAND.search(head.command):
        return True
    if _HEADINGS.match(first):
        return len(INTERFACE_COLUMNS.intersection(re.split(r"[,\s]+", first.strip()))) >= ENOUGH_COLUMNS
    lines = [line for line in head.lines if line.strip()][:_HEAD_LINES]
    columns = [found["column"] for line in lines if (found := _COLUMN.match(line))]
    ours = sum(1 for column in columns if column in INTERFACE_COLUMNS)
    return bool(_COLUMN.match(first)) and ours >= ENOUGH_COLUMNS


def read(text: Text) -> Iterator[Interface | Setting | Counter | Weird]:
    """An `Interface` a record (kind: type, else driver), a `Setting` of scope "ovs:/NAME" an option or external id.

    Its statistics are `Counter`s of family "ovs_interface".
    """
    for record in records(text):
        if isinstance(record, Weird):
            yield record
        else:
            yield from interface_rows(text, record)


def interface_rows(text: Text, record: Record) -> Iterator[Interface | Setting | Counter | Weird]:
    """The rows of one record of the Interface table."""
    first = min(number for number, _ in record.values())
    name = word_of(record, "name")
    if not name:
        yield text.weird(first, "an interface without a name")
        return
    yield Interface(
        **text.at(first),
        name=name,
        ifindex=_number(record, "ifindex"),
        mac=word_of(record, "mac_in_use"),
        mtu_bytes=_number(record, "mtu"),
        kind=word_of(record, "type") or options_of(record.get("status", (0, ""))[1]).get("driver_name", ""),
        state=word_of(record, "link_state"),
    )
    for column, prefix in (("options", ""), ("external_ids", "external_ids:")):
        number, value = record.get(column, (0, ""))
        for option, chosen in options_of(value).items():
            yield Setting(**text.at(number), scope=f"ovs:/{name}", name=prefix + option, value=chosen)
    number, value = record.get("statistics", (0, ""))
    for counter, count in options_of(value).items():
        if _COUNT.fullmatch(count):
            yield Counter(
                **text.at(number), family="ovs_interface", scope=name, name=counter, value=int(count)
            )


def _number(record: Record, column: str) -> int | None:
    value = word_of(record, column)
    return int(value) if _NUMBER.fullmatch(value) else None
