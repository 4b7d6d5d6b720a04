"""`nft -j list ruleset` (and `list counters`, `list sets`): the rules of the text form, from JSON.

Rules are written back into nft's own language and read as text is, so that a rule is the same row in both.
Source: nftables 0.9 to 1.1, src/json.c and the schema page libnftables-json(5).

| object | row |
|---|---|
| rule | `Rule` of layer "nft", place "FAMILY TABLE CHAIN" |
| chain with a policy | `Rule` of match "policy" |
| counter | `Counter`s of family "nft_counter", scope "FAMILY TABLE NAME" |
| set, map | `Rule` of layer "nft_set" an element, place "FAMILY TABLE SET" |
"""

import re
from collections.abc import Iterator
from typing import Any

from lastseen.evidence.json_elements import elements, number_of, text_of
from lastseen.evidence.nft_words import rule_text, words
from lastseen.evidence.texts.nft_ruleset import element_row, policy_row, rule_row
from lastseen.evidence.texts.text import MAX_DOCUMENT_CHARS, Head, Text
from lastseen.tables.facts_from_texts import Counter, Rule
from lastseen.tables.sources import Weird

__all__ = ["KIND", "LONGEST_LINE", "read", "recognise"]

KIND = "nft -j list ruleset"
LONGEST_LINE = MAX_DOCUMENT_CHARS

_COMMAND = re.compile(
    r"^(?:[^;&|]{0,200}[\s/\"'])?nft\s(?:-\S{1,20}\s){0,5}(?:-\w{0,5}j\w{0,5}|--json)\s(?:-\S{1,20}\s){0,5}list\s"
)
_START = re.compile(r'^\s*\{\s*(?:"nftables"\s*:|$)')
_NAMED = re.compile(r'"nftables"\s*:\s*\[')


def recognise(head: Head) -> bool:
    """An object with the member `nftables`; or the command, with no output."""
    first = head.first()
    if not first:
        return bool(_COMMAND.search(head.command))
    return bool(_START.match(first)) and head.matching(_NAMED, within=3) > 0


def read(text: Text) -> Iterator[Rule | Counter | Weird]:
    """Rows as in the table above; objects that hold nothing of interest are passed over."""
    for found in elements(text):
        if isinstance(found, Weird):
            yield found
            continue
        line, element = found
        for kind, value in element.items():
            if isinstance(value, dict) and kind in _READ:
                yield from _READ[kind](text, line, value)


def _place(value: dict[str, Any], *names: str) -> str:
    return " ".join(text_of(value.get(name)) for name in ("family", "table", *names))


def _rule(text: Text, line: int, value: dict[str, Any]) -> Iterator[Rule | Weird]:
    expressions = value.get("expr")
    if not isinstance(expressions, list):
        yield text.weird(line, "a rule without expressions")
        return
    yield rule_row(text, line, rule_text(expressions, text_of(value.get("comment"))), _place(value, "chain"))


def _chain(text: Text, line: int, value: dict[str, Any]) -> Iterator[Rule]:
    if policy := text_of(value.get("policy")):
        yield policy_row(text, line, _place(value, "name"), policy)


def _counter(text: Text, line: int, value: dict[str, Any]) -> Iterator[Counter]:
    scope = _place(value, "name")
    for name in ("packets", "bytes"):
        if (number := number_of(value.get(name))) is not None:
            yield Counter(**text.at(line), family="nft_counter", scope=scope, name=name, value=number)


def _set(text: Text, line: int, value: dict[str, Any]) -> Iterator[Rule]:
    members = value.get("elem")
    place = _place(value, "name")
    for member in members if isinstance(members, list) else ():
        key, data = member if isinstance(member, list) and len(member) == 2 else (member, None)
        inner = _object(key, "elem")
        counted = _object(inner, "counter")
        yield element_row(
            text,
            line,
            place,
            match=words(inner.get("val", key)),
            actions=words(data) if data is not None else "",
            packets=number_of(counted.get("packets")),
            size=number_of(counted.get("bytes")),
        )


def _object(value: object, member: str) -> dict[str, Any]:
    """A member that is an object; an empty one for anything else."""
    inner = value.get(member) if isinstance(value, dict) else None
    return inner if isinstance(inner, dict) else {}


_READ = {"rule": _rule, "chain": _chain, "counter": _counter, "set": _set, "map": _set}
