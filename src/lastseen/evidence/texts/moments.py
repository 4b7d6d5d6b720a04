"""Small notes of when something was: `date` in a `when.txt`, `start=... end=...` of a timed command.

They are evidence of their own, since a capture's end is not when its tool stopped: a snapshot's time proves
how long a point was certainly being watched.

Formats: RFC 3339 (`date --rfc-3339=ns`, `date -u +%FT%T.%NZ`), `date -Ins` with its comma, `date +%s.%N`.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Moment
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "moments"

MAX_LINES = 40
"""A longer file is a log and not a note: a loop that wrote one line a second is still none."""

_NS = 1_000_000_000
_RFC3339 = (
    r"(?P<day>\d{4}-\d\d-\d\d)[Tt ](?P<time>\d\d:\d\d:\d\d)(?:[.,](?P<part>\d{1,9}))?"
    r"(?P<zone>[Zz]|[+-]\d\d:?\d\d)"
)
_EPOCH = r"(?P<epoch>\d{9,10}(?:[.,]\d{1,9})?)"
_EXACT_EPOCH = re.compile(r"^\d{10}[.,]\d{1,9}$")
_STAMP = re.compile(rf"^(?:{_RFC3339}|{_EPOCH})$")
_NOTE = re.compile(rf"^epoch[ =:]+{_EPOCH}(?:\s+uptime[ =:]+\d+\.\d+(?: \d+\.\d+)?)?$")
_SPAN_WORD = re.compile(r"(?:^|\s)(?P<what>start|end)[=:]\s*(?P<stamp>\S+(?: \d\d:\d\d:\d\d\S*)?)")
_SPAN_LINE = re.compile(r"^(?:[a-z_]{1,20}=\S{1,40}\s+){0,8}(?:start|end)[=:]\s*\d{4}")
_COMMAND = re.compile(r"(?:^|[\s/])date(?:\s|$)")


def recognise(head: Head) -> bool:
    """A few lines, each of them a time note, and one that cannot be a mere number."""
    lines = [line.strip() for line in head.lines if line.strip()]
    if not 0 < len(lines) <= MAX_LINES or not all(_is_note(line) for line in lines):
        return False
    bare = all(line.isdecimal() for line in lines)
    return not bare or bool(_COMMAND.search(head.command))


def read(text: Text) -> Iterator[Moment | Weird]:
    """One `Moment` for each time: "start" and "end" where the note says so, else "snapshot"."""
    for number, line in text.lines():
        stripped = line.strip()
        if not stripped:
            continue
        moments = list(_times(stripped))
        if not moments:
            yield text.weird(number, "not a time note")
        for what, at_ns in moments:
            if at_ns is None:
                yield text.weird(number, "no such time")
            else:
                yield Moment(**text.at(number), at_ns=at_ns, what=what)


def _is_note(line: str) -> bool:
    if _SPAN_LINE.match(line):
        return all(_STAMP.match(found["stamp"]) for found in _SPAN_WORD.finditer(line))
    stamp = _STAMP.match(line)
    is_exact = stamp is not None and (
        not stamp["epoch"] or bool(_EXACT_EPOCH.match(line)) or line.isdecimal()
    )
    return is_exact or _NOTE.match(line) is not None


def _times(line: str) -> Iterator[tuple[str, int | None]]:
    """(what, ns since the epoch or None for an impossible date) for each time of a line."""
    if found := _STAMP.match(line) or _NOTE.match(line):
        yield "snapshot", _ns_of(found)
    elif _SPAN_LINE.match(line):
        for span in _SPAN_WORD.finditer(line):
            stamp = _STAMP.match(span["stamp"])
            yield span["what"], _ns_of(stamp) if stamp else None


def _ns_of(found: re.Match[str]) -> int | None:
    """Exact: no float holds nanoseconds since the epoch."""
    fields = found.groupdict()
    if fields["epoch"]:
        whole, _, part = fields["epoch"].replace(",", ".").partition(".")
        return int(whole) * _NS + int(part.ljust(9, "0"))
    try:
        at = datetime.strptime(f"{fields['day']} {fields['time']}", "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - set below
        seconds = at.replace(tzinfo=_zone(fields["zone"])) - datetime(1970, 1, 1, tzinfo=UTC)
    except ValueError:
        return None
    return (seconds.days * 86_400 + seconds.seconds) * _NS + int((fields["part"] or "").ljust(9, "0"))


def _zone(shown: str) -> timezone:
    if shown in {"Z", "z"}:
        return UTC
    hours, minutes = int(shown[1:3]), int(shown[-2:])
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if shown[0] == "-" else offset)
