"""A trace of skb:kfree_skb from tracefs (`trace`, `trace_pipe`) or `perf script`: packets the kernel dropped.

tracefs prints no addresses, so a drop has a time, a place in the kernel and (since 5.17) a reason, but no
packet. A reason the kernel has no name for stays the number it printed, unless the event's format, which names all
numbers of that kernel, stands above it in the same text.
Source: Linux include/trace/events/skb.h (4.x to 6.12), kernel/trace/trace_output.c.
"""

import re
from collections.abc import Iterator

from lastseen.evidence.drop_reasons import named_reasons, reason_name
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Drop
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "kfree_skb trace"

_COMMAND = re.compile(r"^[^;&|]{0,200}\b(?:skb[:/])?kfree_skb\b[^;&]*$")
_TIME = r"\[\d{3,4}\]\s+(?:\S{4,8}\s+)?(?P<s>\d{1,10})\.(?P<fraction>\d{6,9}):\s+"
_DROP = re.compile(
    _TIME + r"(?:skb:)?kfree_skb:\s+skbaddr=\S+ (?:rx_sk=\S+ )?protocol=\d{1,6} "
    r"location=(?P<location>\S{1,256}(?: \[[\w-]{1,64}\])?)(?:\s+reason: (?P<reason>\w{1,64}))?\s*$"
)
_BEGINS = re.compile(_TIME + r"(?:skb:)?kfree_skb:\s+skbaddr=")
_OTHER_EVENT = re.compile(_TIME + r"(?!(?:skb:)?kfree_skb:)(?:<stack trace>|[\w:]{1,128}:)")
_STACK = re.compile(r"^\s*(?:=> \S|[0-9a-f]{3,16} \S)")
_FORMAT = re.compile(r"^(?:name: \w|ID: \d|format:|\s+field:|print fmt: )")
_LOST = re.compile(r"\[LOST (?P<events>\d{1,20}) EVENTS\]")
_HEAD_LINES = 64
"""tracefs prints up to a dozen heading lines, and other events may come first."""


def recognise(head: Head) -> bool:
    """A kfree_skb event among the first lines; or the command asks for that event."""
    if any(named_reasons(line) for line in head.lines[:_HEAD_LINES]):
        return True
    asked_and_silent = _COMMAND.search(head.command) and not head.first()
    return bool(asked_and_silent or head.matching(_BEGINS, within=_HEAD_LINES))


def read(text: Text) -> Iterator[Drop | Weird]:
    """One `Drop` an event, its clock "boot" (the trace clock). Stack traces and other events give no rows.

    Events the trace lost become a weird: drops missing from here may still have happened.
    """
    names: dict[int, str] = {}
    for number, line in text.lines():
        if found := _DROP.search(line):
            at_ns = int(found["s"]) * 1_000_000_000 + int(found["fraction"].ljust(9, "0"))
            reason = reason_name(found["reason"] or "", names)
            yield Drop(
                **text.at(number), at_ns=at_ns, clock="boot", reason=reason, location=found["location"]
            )
        elif lost := _LOST.search(line):
            yield text.weird(number, f"the trace lost {lost['events']} events")
        elif table := named_reasons(line):
            names |= table
        elif line.strip() and not _is_known(line):
            yield text.weird(number, "not an event of the trace")


def _is_known(line: str) -> bool:
    return bool(
        line.startswith("#") or _FORMAT.match(line) or _STACK.match(line) or _OTHER_EVENT.search(line)
    )
