"""`ovs-vsctl list bridge|port|open_vswitch` in any format, any table as JSON, and `ovsdb-client dump`.

What is configured beyond interfaces: VLANs, bonds, failure modes, hardware offload, flow limits. Which table a record
is of is told by its columns, because no format but the dump names it. Source: Open vSwitch lib/table.c and
vswitchd/vswitch.ovsschema (2.0 to 3.3; printed by 3.1.0).
"""

import re
from collections.abc import Iterator

from lastseen.evidence.ovs_commands import ctl
from lastseen.evidence.ovsdb_records import Record, is_json, options_of, records, word_of
from lastseen.evidence.texts.ovs_vsctl_list import ENOUGH_COLUMNS, INTERFACE_COLUMNS, interface_rows
from lastseen.evidence.texts.text import MAX_DOCUMENT_CHARS, Head, Text
from lastseen.tables.facts_from_texts import Counter, Interface, Setting, Version
from lastseen.tables.sources import Weird

__all__ = ["KIND", "LONGEST_LINE", "read", "recognise"]

KIND = "ovs-vsctl list"

LONGEST_LINE = MAX_DOCUMENT_CHARS
"""A table in JSON is one line."""

_BRIDGE = frozenset(
    {
        "datapath_id", "datapath_type", "datapath_version", "fail_mode", "flood_vlans", "flow_tables",
        "mcast_snooping_enable", "protocols", "rstp_enable", "stp_enable",
    }
)  # fmt: skip
_PORT = frozenset(
    {
        "bond_active_slave", "bond_downdelay", "bond_fake_iface", "bond_mode", "bond_updelay", "interfaces", "lacp",
        "tag", "trunks", "vlan_mode",
    }
)  # fmt: skip
_SWITCH = frozenset(
    {
        "cur_cfg", "datapath_types", "db_version", "dpdk_initialized", "dpdk_version", "iface_types",
        "manager_options", "next_cfg", "ovs_version", "system_type", "system_version",
    }
)  # fmt: skip
_MAPS = ("other_config", "external_ids")
_EMPTY = frozenset({"", "[]", "{}", '""'})

_COMMAND = ctl("ovs-vsctl", "(?:list|find) (?i:bridge|port|open_vswitch|open)")
_DUMP_COMMAND = re.compile(r"^(?:[^;&|]{0,200}[\s/\"'])?ovsdb-client\s[^;&|]{0,200}\bdump\b[^;&]*$")
_TITLE = re.compile(r"^[A-Z]\w{1,40} table\s*$")
_COLUMN = re.compile(r"^(?P<column>_?[a-z][a-z0-9_]{0,63})\s*: ")
_HEADINGS = re.compile(r"^_?[a-z][a-z0-9_]{0,63}(?:(?:,| +)_?[a-z][a-z0-9_]{0,63})+\s*$")
_JSON_ROW = re.compile(r'"data"\s*:\s*\[\s*\[|"headings"\s*:\s*\[')
_HEAD_LINES = 40


def recognise(head: Head) -> bool:
    """A JSON table, a dump's title, columns of these tables; or the command says so."""
    first = head.first()
    if is_json(first):
        return bool(_JSON_ROW.search("\n".join(head.lines[:3])))
    if _COMMAND.search(head.command) or _DUMP_COMMAND.search(head.command) or _TITLE.match(first):
        return True
    if _HEADINGS.match(first):
        return _table_of(set(re.split(r"[,\s]+", first.strip()))) not in {"", "interface"}
    lines = [line for line in head.lines if line.strip()][:_HEAD_LINES]
    columns = {found["column"] for line in lines if (found := _COLUMN.match(line))}
    return bool(_COLUMN.match(first)) and _table_of(columns) not in {"", "interface"}


def read(text: Text) -> Iterator[Interface | Setting | Counter | Version | Weird]:
    """`Setting`s of scope "ovs_bridge:NAME", "ovs_port:NAME" and "ovs_switch", one a column that is not empty.

    The pairs of maps have names such as "other_config:hw-offload". Interfaces give what `ovs-vsctl list interface`
    does; the switch's version is a `Version` "openvswitch". Records of other tables are passed over.
    """
    for record in records(text):
        if isinstance(record, Weird):
            yield record
            continue
        match _table_of(set(record)):
            case "interface":
                yield from interface_rows(text, record)
            case "bridge":
                yield from _settings(text, record, f"ovs_bridge:{word_of(record, 'name')}", _BRIDGE)
            case "port":
                yield from _settings(text, record, f"ovs_port:{word_of(record, 'name')}", _PORT)
            case "switch":
                yield from _settings(text, record, "ovs_switch", _SWITCH - {"ovs_version"})
                yield from _version(text, record)
            case _:
                pass


def _table_of(columns: set[str]) -> str:
    for name, known in (
        ("interface", INTERFACE_COLUMNS),
        ("bridge", _BRIDGE),
        ("port", _PORT),
        ("switch", _SWITCH),
    ):
        if len(columns & known) >= ENOUGH_COLUMNS:
            return name
    return ""


def _settings(text: Text, record: Record, scope: str, columns: frozenset[str]) -> Iterator[Setting]:
    for column, (number, value) in record.items():
        if column in columns and value not in _EMPTY:
            yield Setting(**text.at(number), scope=scope, name=column, value=_plain(value))
        elif column in _MAPS:
            for name, chosen in options_of(value).items():
                yield Setting(**text.at(number), scope=scope, name=f"{column}:{name}", value=chosen)


def _plain(value: str) -> str:
    """Without quotes; a set of one is its member, because JSON prints it so."""
    inner = value[1:-1] if value.startswith("[") and value.endswith("]") and ", " not in value else value
    return inner.strip('"')


def _version(text: Text, record: Record) -> Iterator[Version]:
    if version := word_of(record, "ovs_version"):
        number = record["ovs_version"][0]
        yield Version(**text.at(number), name="openvswitch", version=version)
