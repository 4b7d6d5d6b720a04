"""`ovs-vsctl show`: which interface is on which bridge, its type and its options.

The one text that tells an interface's bridge, which `ovs-vsctl list interface` does not. Nesting is read from
the words (Bridge, Port, Interface), not from the indent, which pasting destroys. Source: Open vSwitch
utilities/ovs-vsctl.c and lib/ovsdb-data.c (all versions; old ones put every name in quotes).
"""

import re
from collections.abc import Iterator

from lastseen.evidence.ovsdb_records import options_of
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Interface, Setting
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "ovs-vsctl show"

_COMMAND = re.compile(r"^(?:[^;&|]{0,200}[\s/\"'])?ovs-vsctl\s(?:-[^;&|\s]{1,50}\s){0,8}show\b[^;&]*$")
_UUID = re.compile(r"^\s*[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\s*$")
_BLOCK = re.compile(
    r"^\s*(?P<block>Bridge|Port|Interface|Manager|Controller) \"?(?P<name>[^\s\"]{1,128})\"?\s*$"
)
_BELOW_ROOT = re.compile(r"^\s*(?:Bridge|Manager) \"?\S+\"?\s*$|^\s*ovs_version: ")
_PORT = re.compile(r"^\s*Port \"?\S+\"?\s*$")
_INTERFACE = re.compile(r"^\s*Interface \"?\S+\"?\s*$")
_COLUMN = re.compile(r"^\s*(?P<column>[a-z_]{1,64}): (?P<value>.*)$")


def recognise(head: Head) -> bool:
    """A UUID over a bridge, manager or version, or Bridge, Port and Interface; or the command says so."""
    if _COMMAND.search(head.command):
        return True
    if _UUID.match(head.first()):
        return bool(head.matching(_BELOW_ROOT))
    return bool(head.matching(_BELOW_ROOT) and head.matching(_PORT) and head.matching(_INTERFACE))


def read(text: Text) -> Iterator[Interface | Setting | Weird]:
    """An `Interface` (kind: type, master: bridge) and a `Setting` of scope "ovs:BRIDGE/INTERFACE" an option.

    An interface without a type is a system device: its kind stays "".
    """
    bridge, block = "", ""
    waiting: tuple[int, str] | None = None
    kind = ""
    for number, line in text.lines():
        column = _COLUMN.match(line)
        if found := _BLOCK.match(line):
            yield from _interface(text, waiting, kind, bridge)
            block, kind = found["block"], ""
            waiting = (number, found["name"]) if block == "Interface" else None
            bridge = found["name"] if block == "Bridge" else bridge
        elif column and waiting and column["column"] == "type":
            kind = column["value"].strip().strip('"')
        elif column and waiting and column["column"] == "options":
            yield from _settings(text, number, f"ovs:{bridge}/{waiting[1]}", column["value"])
        elif line.strip() and not column and not _UUID.match(line):
            yield text.weird(number, "not a line of the switch's configuration")
    yield from _interface(text, waiting, kind, bridge)


def _interface(text: Text, waiting: tuple[int, str] | None, kind: str, bridge: str) -> Iterator[Interface]:
    if waiting:
        yield Interface(**text.at(waiting[0]), name=waiting[1], kind=kind, master=bridge)


def _settings(text: Text, number: int, scope: str, value: str) -> Iterator[Setting]:
    for name, option in options_of(value).items():
        yield Setting(**text.at(number), scope=scope, name=name, value=option)
