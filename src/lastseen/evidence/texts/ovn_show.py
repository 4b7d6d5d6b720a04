"""`ovn-nbctl show` and `ovn-sbctl show`: logical switches, routers and ports, and the chassis that hosts each port.

The way from a logical port to a host is what joins an address to a machine's captures. Nesting is read from the
words, not from the indent, which pasting destroys. Source: OVN utilities/ovn-nbctl.c and lib/db-ctl-base.c
(Open vSwitch 2.6 to OVN 24.03); printed by OVN 23.03.1.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lastseen.evidence.ovs_commands import ctl
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Setting
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "ovn show"

_COMMAND = ctl("ovn-[ns]bctl", "show")
_AKA = r"(?: \(aka (?P<aka>[^()]{1,128})\))?"
_TOP = re.compile(
    r"^\s*(?P<kind>switch|router) (?P<uuid>[0-9a-f]{8}-[0-9a-f-]{27})(?: \((?!aka )(?P<name>[^()]{1,128})\))?"
    rf"{_AKA}\s*$"
)
_CHASSIS = re.compile(r"^\s*Chassis \"?(?P<name>[^\s\"]{1,128})\"?\s*$")
_INNER = re.compile(rf"^\s*(?P<kind>port|nat|Encap|Port_Binding) \"?(?P<name>[^\s\"]{{1,128}})\"?{_AKA}\s*$")
_COLUMN = re.compile(r"^\s*(?P<column>[a-z][a-z_ -]{0,40}): (?P<value>.*)$")
_BARE_COLUMN = re.compile(r"^\s*[a-z][a-z_ -]{0,40}:\s*$")


@dataclass(frozen=True, slots=True)
class _Scope:
    """The block a column belongs to, outer and inner."""

    top: str
    name: str
    inner: str = ""

    def __str__(self) -> str:
        return f"{self.top}:{self.name}{self.inner}"


def recognise(head: Head) -> bool:
    """A logical switch or router with its UUID, or a chassis with an encapsulation or port; or the command says so."""
    first = head.first()
    if _COMMAND.search(head.command) or _TOP.match(first):
        return True
    return bool(_CHASSIS.match(first) and head.matching(_INNER, within=8))


def read(text: Text) -> Iterator[Setting | Weird]:
    """`Setting`s of scope "ovn_switch:NAME", "ovn_router:NAME" (with "/port:PORT", "/nat:UUID") and "ovn_chassis:NAME".

    Names and values as printed without quotes. A port bound to a chassis is the chassis' setting "port_binding".
    A port without any column still gives one setting, "port".
    """
    scope: _Scope | None = None
    for number, line in text.lines():
        if found := _TOP.match(line):
            scope = _Scope(f"ovn_{found['kind']}", found["name"] or found["uuid"])
            yield _setting(text, number, scope, name="uuid", value=found["uuid"])
            yield from _other_name(text, number, scope, found["aka"])
        elif found := _CHASSIS.match(line):
            scope = _Scope("ovn_chassis", found["name"])
            yield _setting(text, number, scope, name="name", value=found["name"])
        elif scope and (found := _INNER.match(line)):
            name = found["kind"].lower()
            inside = f"/{name}:{found['name']}" if name != "port_binding" else ""
            scope = _Scope(scope.top, scope.name, inside)
            yield _setting(text, number, scope, name=name, value=found["name"])
            yield from _other_name(text, number, scope, found["aka"])
        elif scope and (found := _COLUMN.match(line)):
            yield _setting(text, number, scope, name=found["column"], value=_plain(found["value"]))
        elif line.strip() and not _BARE_COLUMN.match(line):
            yield text.weird(number, "not a line of the logical network")


def _other_name(text: Text, number: int, scope: _Scope, name: str | None) -> Iterator[Setting]:
    """OpenStack names ports by UUID and says the user's name after it."""
    if name:
        yield _setting(text, number, scope, name="aka", value=name)


def _setting(text: Text, number: int, scope: _Scope, *, name: str, value: str) -> Setting:
    return Setting(**text.at(number), scope=str(scope), name=name, value=value)


def _plain(value: str) -> str:
    """A value without the brackets and quotes of a set of strings: `["02:.. 10.0.0.1"]`."""
    value = value.strip()
    if value.startswith("[") and value.endswith("]"):
        value = value[1:-1]
    return value.replace('"', "")
