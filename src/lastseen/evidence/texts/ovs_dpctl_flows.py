"""`ovs-appctl dpctl/dump-flows [-m]` (= `ovs-dpctl dump-flows`): the megaflows packets really hit.

The match holds brackets in brackets, so a line is cut at its fixed words (`, packets:`, `, actions:`) instead
of being parsed field by field. Source: Open vSwitch lib/dpctl.c and lib/odp-util.c (2.5 to 3.3).
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Rule
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "dpctl/dump-flows"

_COMMAND = re.compile(
    r"^(?:[^;&|]{0,200}[\s/\"'])?(?:ovs-dpctl\s(?:[^;&|]{0,100}\s)?|ovs-appctl\s(?:[^;&|]{0,100}\s)?dpctl/)"
    r"dump-flows\b[^;&]*$"
)
_HEADING = re.compile(r"^\s*(?:flow-dump from |\d{4}-\d\d-\d\dT[\d:.]+Z\|\d+\|)")
_UFID = re.compile(r"^\s*(?:mega_)?ufid:[0-9a-f-]{1,64},?\s*")
_MATCH = re.compile(r"^[a-z_0-9]+\(")
_COUNTS = re.compile(r"^(?P<packets>\d{1,20}), bytes:(?P<bytes>\d{1,20}), used:")
_PLACE = re.compile(r"(?:^|,)(?P<field>(?:recirc_id|in_port)\([^()]{0,64}\))")
_DROP = re.compile(r"drop(?:[(:][^,]*)?")


class _Flow(NamedTuple):
    match: str
    packets: int
    bytes: int
    actions: str


def recognise(head: Head) -> bool:
    """Mostly megaflows, log lines and headings of a dump left out; or the command says so."""
    first = list(islice((line for line in head.lines if line.strip() and not _HEADING.match(line)), 20))
    return bool(_COMMAND.search(head.command)) or 2 * sum(1 for line in first if _flow(line)) > len(first)


def read(text: Text) -> Iterator[Rule | Weird]:
    """One `Rule` of layer "datapath" a line; place "recirc_id(..) in_port(..)", match without the ufid."""
    for number, line in text.lines():
        if flow := _flow(line):
            yield Rule(
                **text.at(number),
                layer="datapath",
                place=" ".join(found["field"] for found in _PLACE.finditer(flow.match)),
                priority=None,
                match=flow.match,
                actions=flow.actions,
                packets=flow.packets,
                bytes=flow.bytes,
                drops=not flow.actions or _DROP.fullmatch(flow.actions) is not None,
            )
        elif line.strip() and not _HEADING.match(line):
            yield text.weird(number, "not a datapath flow")


def _flow(line: str) -> _Flow | None:
    """The parts of a flow line. Plain cuts, not one regex: a hostile line costs no more than its length."""
    head, _, rest = line.partition(", packets:")
    stats, cut, actions = rest.partition(", actions:")
    counts = _COUNTS.match(stats)
    match = _UFID.sub("", head).strip()
    if not cut or counts is None or not _MATCH.match(match):
        return None
    actions = actions.partition(", dp-extra-info:")[0].strip()
    return _Flow(match, int(counts["packets"]), int(counts["bytes"]), actions)
