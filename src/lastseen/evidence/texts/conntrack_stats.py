"""`conntrack -S`: connection tracking's counters, all four generations of its output.

conntrack-tools 1.4.x prints `cpu=N key=value ...` lines; which keys depends on tool and kernel, so a
missing key gives no row (unknown), never zero. Without ctnetlink statistics it prints one `key value` a
line, taken from /proc and summed over CPUs, which is scope "".
"""

import re
from collections.abc import Iterator

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "conntrack -S"

_KEYS = (
    "entries|searched|found|new|invalid|ignore|delete|delete_list|insert|insert_failed|drop|early_drop|error"
    "|icmp_error|expect_new|expect_create|expect_delete|search_restart|clash_resolve|chaintoolong"
)
_COMMAND = re.compile(r"(?:^|[\s/])conntrack\s[^|;]{0,80}?(?:-S|--stats)(?:\s|$)")
_PER_CPU = re.compile(rf"^cpu=(?P<cpu>[0-9]{{1,6}})\s+(?=(?:{_KEYS})=)(?P<pairs>.*)$")
_PAIR = re.compile(r"^(?P<key>[a-z_]{2,32})=(?P<value>[0-9]{1,20})$")
_TOTAL = re.compile(rf"^(?P<key>{_KEYS})\s+(?P<value>[0-9]{{1,20}})\s*$")
_MIN_TOTALS = 4
"""A list of totals has 17 keys; fewer than this could be anything's table."""


def recognise(head: Head) -> bool:
    """The first line is `cpu=N` with a known key, or a list of known keys; or the command, with no output."""
    first = head.first()
    if not first:
        return bool(_COMMAND.search(head.command))
    return bool(_PER_CPU.match(first)) or (bool(_TOTAL.match(first)) and head.matching(_TOTAL) >= _MIN_TOTALS)


def read(text: Text) -> Iterator[Counter | Weird]:
    """One `Counter` of family "conntrack" a key: scope "cpu=N", or "" for the list of totals."""
    for number, line in text.lines():
        if found := _PER_CPU.match(line):
            yield from _per_cpu(text, number, scope=f"cpu={int(found['cpu'])}", pairs=found["pairs"].split())
        elif found := _TOTAL.match(line):
            value = int(found["value"])
            yield Counter(**text.at(number), family="conntrack", scope="", name=found["key"], value=value)
        elif line.strip():
            yield text.weird(number, "not a line of conntrack counters")


def _per_cpu(text: Text, number: int, *, scope: str, pairs: list[str]) -> Iterator[Counter | Weird]:
    for pair in pairs:
        if found := _PAIR.match(pair):
            value = int(found["value"])
            yield Counter(**text.at(number), family="conntrack", scope=scope, name=found["key"], value=value)
        else:
            yield text.weird(number, "not a key=number pair")
            return
