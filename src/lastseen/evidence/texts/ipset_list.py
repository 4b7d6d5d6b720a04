"""`ipset list` and `ipset save`: sets of addresses that rules match, with their members.

Source: ipset 6 and 7, src/ipset.c and lib/session.c. A set is limited (`maxelem`): a full one takes no more members.

| what | row |
|---|---|
| type and header | `Setting` of scope "ipset:SET" (type, maxelem, timeout, ...) |
| number of entries, references | `Counter` of family "ipset", scope SET, names "entries", "references" |
| member | `Rule` of layer "ipset", place SET, match the member; packets and bytes with `counters` |
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter, Rule, Setting
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "ipset list"

_COMMAND = re.compile(r"(?:^|[\s/])ipset\s(?:-\S{1,20}\s){0,4}(?:list|-L|save|-S)(?:\s|$)")
_NAME = re.compile(r"^Name: (?P<name>\S{1,32})\s*$")
_TYPE = re.compile(r"^(?:bitmap|hash|list):[a-z,]{2,40}$")
_FIELD = re.compile(
    r"^(?P<field>Type|Revision|Header|Size in memory|References|Number of entries|Members):(?: (?P<value>.*))?$"
)
_CREATE = re.compile(
    r"^create (?P<name>\S{1,32}) (?P<type>(?:bitmap|hash|list):[a-z,]{2,40})(?P<options>(?: .*)?)$"
)
_ADD = re.compile(r"^add (?P<name>\S{1,32}) (?P<member>\S{1,300})(?P<rest>(?: .*)?)$")
_MEMBER = re.compile(r"^(?P<member>\S{1,300})(?P<rest>(?: .*)?)$")
_COUNTED = re.compile(r" packets (?P<packets>[0-9]{1,20}) bytes (?P<bytes>[0-9]{1,20})(?= |$)")
_NUMBERED: Final = ("maxelem", "hashsize", "timeout", "size", "netmask", "family", "range")
_COUNTERS: Final = {"References": "references", "Number of entries": "entries"}


def recognise(head: Head) -> bool:
    """`Name:` with a set's `Type:` below it, or a `create` line; or the command, with no output."""
    lines = [line for line in head.lines if line.strip()][:2]
    if not lines:
        return bool(_COMMAND.search(head.command))
    typed = (
        len(lines) > 1
        and lines[1].startswith("Type: ")
        and bool(_TYPE.match(lines[1].removeprefix("Type: ").strip()))
    )
    return (bool(_NAME.match(lines[0])) and typed) or bool(_CREATE.match(lines[0]))


def read(text: Text) -> Iterator[Setting | Counter | Rule | Weird]:
    """Rows as in the table above."""
    name, members = "", False
    for number, line in text.lines():
        if not line.strip():
            members = False
        elif found := _CREATE.match(line):
            name, members = "", False
            yield from _options(text, number, found["name"], f"type {found['type']}{found['options']}")
        elif found := _ADD.match(line):
            yield _member(text, number, found["name"], found)
        elif not members and (found := _NAME.match(line)):
            name = found["name"]
        elif name and not members and (found := _FIELD.match(line)):
            members = found["field"] == "Members"
            yield from _field(text, number, name, found)
        elif members and (found := _MEMBER.match(line)):
            yield _member(text, number, name, found)
        else:
            yield text.weird(number, "not a line of ipset list")


def _field(text: Text, number: int, name: str, found: re.Match[str]) -> Iterator[Setting | Counter]:
    value = (found["value"] or "").strip()
    if counter := _COUNTERS.get(found["field"]):
        if value.isascii() and value.isdecimal() and len(value) <= 10:
            yield Counter(**text.at(number), family="ipset", scope=name, name=counter, value=int(value))
    elif found["field"] == "Type":
        yield from _options(text, number, name, f"type {value}")
    elif found["field"] == "Header":
        yield from _options(text, number, name, value)


def _options(text: Text, number: int, name: str, options: str) -> Iterator[Setting]:
    """`family inet hashsize 1024 ...`: the words that have a value."""
    words = options.split()[:64]
    for word, value in pairwise(words):
        if word in _NUMBERED or (word == "type" and word is words[0]):
            yield Setting(**text.at(number), scope=f"ipset:{name}", name=word, value=value)


def _member(text: Text, number: int, name: str, found: re.Match[str]) -> Rule:
    counted = _COUNTED.search(found["rest"])
    return Rule(
        **text.at(number),
        layer="ipset",
        place=name,
        priority=None,
        match=found["member"],
        actions="",
        packets=int(counted["packets"]) if counted else None,
        bytes=int(counted["bytes"]) if counted else None,
    )
