"""`dropwatch`: how many packets the kernel dropped at which place, or each packet with time and reason.

Source: dropwatch src/main.c (1.4 to 1.5.4): "N drops at PLACE (ADDRESS)" and, in alert mode "packet", one block of
`name: value` lines a packet, since 5.17 with its reason, if asked with its bytes. Samples: commit messages of the
kernel's drop monitor (netdev, 2019 to 2024).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lastseen.evidence.drop_reasons import reason_name
from lastseen.evidence.raw_packet import packet_of_bytes
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter, Drop
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "dropwatch"

_COMMAND = re.compile(r"^(?:[^;&|]{0,200}[\s/])?dropwatch(?:\s[^;&|]*)?$")
_SUMMARY = re.compile(
    r"^\s*(?P<count>\d{1,20}) drops at (?P<place>location 0x[0-9a-f]{1,16}|\S.{0,200}?)"
    r"(?: \(0x[0-9a-f]{1,16}\)?)?(?: \[(?P<origin>software|hardware)\])?\s*$"
)
_AT = re.compile(r"^\s*drop at: (?P<place>\S.{0,200}?)(?: \((?P<address>[^()]{1,80})\)?)?\s*$")
_FIELD = re.compile(
    r"^\s*(?P<name>origin|input port ifindex|input port name|timestamp|protocol|length|original length|drop reason"
    r"|cookie|flow action cookie|hardware|trap group): ?(?P<value>.{0,200})$"
)
_HEX = re.compile(r"^\s*(?P<bytes>[0-9a-f]{2}(?: {1,2}[0-9a-f]{2}){0,15})(?:\s{2,}.{0,40})?$")
_TIME = re.compile(
    r"^[A-Z][a-z]{2} (?P<moment>[A-Z][a-z]{2} {1,2}\d{1,2} \d\d:\d\d:\d\d \d{4}) (?P<nsec>\d{1,9}) nsec$"
)
_TALK = re.compile(
    r"^\s*(?:dropwatch> ?|Initializing |Enabling monitoring|Kernel monitoring|Issue Ctrl-C|Setting alert|Alert mode"
    r"|setting (?:software|hardware)|Got a stop|Shutting down|Stopping|Terminating|Please enter|Disabling|Waiting)"
)
_MAX_QUOTED = 4096
"""Bytes of one packet that are kept: its headers have a hundred."""


@dataclass(slots=True)
class _Block:
    """One packet's lines so far."""

    number: int
    place: str
    fields: dict[str, str] = field(default_factory=dict)
    quoted: bytearray = field(default_factory=bytearray)


def recognise(head: Head) -> bool:
    """A drop, or the program's own words and a drop below; or the command says so."""
    if _COMMAND.match(head.command):
        return True
    drops = sum(1 for line in head.lines if _SUMMARY.match(line) or _AT.match(line))
    first = head.first()
    return bool(drops and (_SUMMARY.match(first) or _AT.match(first) or _TALK.match(first)))


def read(text: Text) -> Iterator[Drop | Counter | Weird]:
    """A `Counter` of family "dropwatch" a summary line (scope: the place, name "drops"), a `Drop` a packet's block.

    Times are the host's local ones: clock "wall", their zone unknown. A packet is told where its bytes are quoted.
    """
    block: _Block | None = None
    for number, line in text.lines():
        if found := _AT.match(line):
            yield from _drop(text, block)
            block = _Block(number, found["place"])
        elif block and (found := _FIELD.match(line)):
            block.fields.setdefault(found["name"], found["value"].strip())
        elif block and (found := _HEX.match(line)):
            block.quoted += bytes.fromhex(found["bytes"])[: _MAX_QUOTED - len(block.quoted)]
        elif found := _SUMMARY.match(line):
            yield Counter(
                **text.at(number),
                family="dropwatch",
                scope=found["place"],
                name="drops",
                value=int(found["count"]),
            )
        elif line.strip() and not _TALK.match(line):
            yield text.weird(number, "not a line of dropwatch")
    yield from _drop(text, block)


def _drop(text: Text, block: _Block | None) -> Iterator[Drop]:
    if block is None:
        return
    yield Drop(
        **text.at(block.number),
        at_ns=_at_ns(block.fields.get("timestamp", "")),
        clock="wall",
        reason=reason_name(block.fields.get("drop reason", ""), {}),
        location=block.place,
        packet=packet_of_bytes(bytes(block.quoted), block.fields.get("input port name", "")),
    )


def _at_ns(stamp: str) -> int | None:
    found = _TIME.match(stamp)
    if found is None:
        return None
    try:
        moment = datetime.strptime(found["moment"], "%b %d %H:%M:%S %Y").replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(moment.timestamp()) * 1_000_000_000 + int(found["nsec"])
