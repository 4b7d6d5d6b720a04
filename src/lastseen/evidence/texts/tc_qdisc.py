"""`tc -s qdisc` and `tc -s class`: what each queueing discipline, or class of one, sent, dropped and holds back.

The first place to see a sender's own queue overflow, which no capture shows. Statistics peculiar to one
discipline are known lines but give no rows. Source: iproute2 4.x to 6.x, tc/tc_qdisc.c, tc/tc_util.c.
"""

import re
from collections.abc import Iterator

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "tc -s qdisc"

_COMMAND = re.compile(
    r"^(?:[^;&|]{0,200}[\s/\"'])?tc\s(?!(?:-\S{0,20}\s){0,8}-j)(?:-[^;&|\s]{1,30}\s(?:\w{1,15}\s)?){0,8}"
    r"(?:qdisc|class)\b[^;&]*$"
)
_DEVICE_ASKED = re.compile(r"\bdev (?P<dev>[^\s\"']{1,64})")
_QDISC = re.compile(
    r"^qdisc (?P<kind>\[Unknown qdisc\]|\S{1,32}) (?P<handle>[0-9a-f]{1,4}:)"
    r"(?: dev (?P<dev>\S{1,64}))?(?: root| parent (?P<parent>[0-9a-f:]{1,10}))?(?=\s|$)"
)
_CLASS = re.compile(
    r"^class (?P<kind>\S{1,32}) (?P<handle>[0-9a-f]{1,4}:[0-9a-f]{0,4})(?: dev (?P<dev>\S{1,64}))?"
    r"(?: root| parent (?P<parent>[0-9a-f:]{1,10}))?(?=\s|$)"
)
_SENT = re.compile(
    r"^\s+Sent (?P<sent_bytes>\d{1,20}) bytes (?P<sent_packets>\d{1,20}) pkts? "
    r"\(dropped (?P<dropped>\d{1,20}), overlimits (?P<overlimits>\d{1,20}) requeues (?P<requeues>\d{1,20})\)"
)
_BACKLOG = re.compile(
    r"^\s+(?:rate \S+ \S+ )?backlog (?P<backlog_bytes>\d{1,20}(?:\.\d{1,6})?[KMG]?)b "
    r"(?P<backlog_packets>\d{1,20})p\b"
)
_UNITS = {"K": 1024, "M": 1024**2, "G": 1024**3}
"""iproute2's sprint_size: powers of 1024, used where the number is round."""


def recognise(head: Head) -> bool:
    """The first line is a discipline or class with its handle; or the command says so."""
    return bool(_COMMAND.search(head.command) or _QDISC.match(head.first()) or _CLASS.match(head.first()))


def read(text: Text) -> Iterator[Counter | Weird]:
    """`Counter`s of family "qdisc"; scope the device, name "KIND HANDLE sent_bytes" and so on.

    A class has its word before ("class htb 1:10 dropped").

    Several disciplines of one device may share the handle "0:" (the queues of mq); then the parent is part of
    the name ("fq_codel 0: parent :1 dropped"). The device is the command's when the lines name none.
    """
    asked = _DEVICE_ASKED.search(text.command)
    default = asked["dev"] if asked else ""
    qdisc: tuple[str, str] | None = None
    for number, line in text.lines():
        if found := _QDISC.match(line):
            qdisc = (found["dev"] or default, _name(found))
        elif found := _CLASS.match(line):
            qdisc = (found["dev"] or default, f"class {_name(found)}")
        elif qdisc and (found := _SENT.match(line) or _BACKLOG.match(line)):
            yield from _counters(text, number, found, qdisc)
        elif line.strip() and not (qdisc and line[0].isspace()):
            yield text.weird(number, "not a line of a queueing discipline")


def _name(found: re.Match[str]) -> str:
    name = f"{found['kind']} {found['handle']}"
    return f"{name} parent {found['parent']}" if found["parent"] and found["handle"] == "0:" else name


def _counters(text: Text, number: int, found: re.Match[str], qdisc: tuple[str, str]) -> Iterator[Counter]:
    for name, value in found.groupdict().items():
        yield Counter(
            **text.at(number), family="qdisc", scope=qdisc[0], name=f"{qdisc[1]} {name}", value=_number(value)
        )


def _number(text: str) -> int:
    if text[-1] in _UNITS:
        return round(float(text[:-1]) * _UNITS[text[-1]])
    return int(text.partition(".")[0])
