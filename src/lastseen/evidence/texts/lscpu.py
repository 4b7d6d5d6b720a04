"""`lscpu`, as text and as JSON (`-J`): the machine's processors, and whether it is a virtual machine.

Source: util-linux 2.2x to 2.40, sys-utils/lscpu.c. Newer versions group and indent fields; flags and
vulnerabilities say nothing of networks and are left out.

Rows: a `Setting` of scope "cpu" a field, named as printed ("Model name", "CPU(s)", "Hypervisor vendor").
"""

import re
from collections.abc import Iterator
from typing import Any

from lastseen.evidence.json_elements import elements, text_of
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Setting
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "lscpu"

_COMMAND = re.compile(r"(?:^|[\s/])lscpu(?:\s+-(?:J|-json|y|-physical)){0,2}\s*$")
_FIELD = re.compile(r"^\s{0,8}(?P<name>[A-Z][\w ()/.-]{1,60}?):(?:\s+(?P<value>\S.*?))?\s*$")
_ARCHITECTURE = re.compile(r"^Architecture:\s+\w")
_CPUS = re.compile(r"^\s{0,8}CPU\(s\):\s+[0-9]")
_JSON = re.compile(r'^\s*\{\s*(?:"lscpu"\s*:|$)')
_JSON_NAME = re.compile(r'"lscpu"\s*:\s*\[')
_LEFT_OUT = re.compile(r"^(?:Flags|Vulnerabilit|Itlb|L1tf|Mds|Meltdown|Spec |Spectre|Srbds|Tsx|Retbleed)")
_MAX_DEPTH = 8


def recognise(head: Head) -> bool:
    """`Architecture:` first and a number of processors below, or an object `lscpu`; or the command, with no output."""
    first = head.first()
    if not first:
        return bool(_COMMAND.search(head.command))
    if _JSON.match(first):
        return head.matching(_JSON_NAME, within=3) > 0
    return bool(_ARCHITECTURE.match(first)) and head.matching(_CPUS) > 0


def read(text: Text) -> Iterator[Setting | Weird]:
    """One `Setting` a field with a value."""
    lines = text.lines()
    first = next(lines, None)
    while first is not None and not first[1].strip():
        first = next(lines, None)
    if first is None:
        return
    if _JSON.match(first[1]):
        yield from _from_json(Text(text.file, [first, *lines], text.command, text.node, text.snapshot))
        return
    yield from _from_line(text, *first)
    for number, line in lines:
        yield from _from_line(text, number, line)


def _from_line(text: Text, number: int, line: str) -> Iterator[Setting | Weird]:
    if found := _FIELD.match(line):
        yield from _setting(text, number, found["name"], found["value"] or "")
    elif line.strip():
        yield text.weird(number, "not a field of lscpu")


def _from_json(text: Text) -> Iterator[Setting | Weird]:
    for found in elements(text):
        if isinstance(found, Weird):
            yield found
        else:
            yield from _fields(text, found[0], found[1], 0)


def _fields(text: Text, line: int, field: dict[str, Any], depth: int) -> Iterator[Setting]:
    """A field and, since util-linux 2.38, those grouped below it."""
    yield from _setting(text, line, text_of(field.get("field")).rstrip(":"), text_of(field.get("data")))
    children = field.get("children")
    for child in children if isinstance(children, list) and depth < _MAX_DEPTH else ():
        if isinstance(child, dict):
            yield from _fields(text, line, child, depth + 1)


def _setting(text: Text, number: int, name: str, value: str) -> Iterator[Setting]:
    if name and value and not _LEFT_OUT.match(name):
        yield Setting(**text.at(number), scope="cpu", name=name, value=value)
