"""`ovs-appctl coverage/show`: how often each event inside ovs-vswitchd happened.

An event that is not listed either never happened or does not exist in that version, so absence is no zero.
Source: Open vSwitch lib/coverage.c (1.x: no rates; 2.1 and later: three rates, then the total).
"""

import re
from collections.abc import Iterator

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "ovs-appctl coverage/show"

_COMMAND = re.compile(r"^(?:[^;&|]{0,200}[\s/\"'])?ovs-appctl\s(?:[^;&|]{0,100}\s)?coverage/show\b[^;&]*$")
_HEADING = re.compile(r"^\s*Event coverage\b.{0,200}hash=[0-9a-f]+:")
_NEVER_HIT = re.compile(r"^\s*\d{1,9} events never hit")
_WITH_RATES = re.compile(r"^\s*\w{1,128}\s+[\d.]+/sec\s+[\d.]+/sec\s+[\d.]+/sec\s+total: \d")
_EVENT = re.compile(
    r"^\s*(?P<name>\w{1,128})\s+(?:(?:[\d.]{1,20}/sec\s+){3}total:\s*|\d{1,20}\s+/\s+)?(?P<total>\d{1,20})\s*$"
)


def recognise(head: Head) -> bool:
    """The heading, or rows with three rates and a total; or the command says so."""
    return bool(_COMMAND.search(head.command) or head.matching(_HEADING, within=3)) or _mostly_rates(head)


def read(text: Text) -> Iterator[Counter | Weird]:
    """One `Counter` of family "ovs_coverage" and scope "" an event: its total since the daemon started."""
    for number, line in text.lines():
        if found := _EVENT.match(line):
            total = int(found["total"])
            yield Counter(**text.at(number), family="ovs_coverage", scope="", name=found["name"], value=total)
        elif line.strip() and not _HEADING.match(line) and not _NEVER_HIT.match(line):
            yield text.weird(number, "not an event's coverage")


def _mostly_rates(head: Head) -> bool:
    return 2 * head.matching(_WITH_RATES) > min(20, sum(1 for line in head.lines if line.strip()))
