"""The terminal report and JSON of `lastseen timeline`: one line an event, long runs of the expected drawn together."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Final, TextIO

from lastseen.errors import LastseenError
from lastseen.report.contracts import EventJson, SightingJson, SourceJson, TimelineJson
from lastseen.report.diagnosis_jsons import reasons_json
from lastseen.report.jsons import source_json
from lastseen.report.page import Page, Part
from lastseen.report.wording import counted, duration
from lastseen.tables.layers import Layer
from lastseen.tables.timeline import Event, Timeline

__all__ = ["chosen", "moment_of", "print_timeline", "timeline_json"]

STALL: Final = "stall"
RUN: Final = 3
"""Delivered packets in a row that are listed one by one; of a longer run the first and the last are."""
MOST: Final = 2_000
"""Lines in the terminal: more is for --around, or for a program."""

_NS: Final = 1_000_000_000
_DAY_NS: Final = 86_400 * _NS
_CLOCK_TIME: Final = re.compile(
    r"(?:(?P<day>\d{4}-\d\d-\d\d)[T ])?(?P<h>\d\d):(?P<m>\d\d)(?::(?P<s>\d\d)(?:[.,](?P<part>\d{1,9}))?)?Z?"
)
_EPOCH: Final = re.compile(r"(?P<s>\d{9,10})(?:\.(?P<part>\d{1,9}))?")
STYLES: Final[dict[Layer, str]] = {
    "syscall": "cyan",
    "packet": "",
    "log": "yellow",
    "drop": "bold red",
    "socket": "dim",
    "snapshot": "dim",
    "command": "dim",
}


def timeline_json(found: Timeline, *, partial: bool) -> TimelineJson:
    """The JSON object."""
    return TimelineJson(
        schema="lastseen.timeline/1",
        connection=found.connection,
        stall_ns=found.stall_ns,
        events=[_event_json(event) for event in found.events],
        notes=reasons_json(found.notes),
        partial=partial,
    )


def _event_json(event: Event) -> EventJson:
    return EventJson(
        at_ns=event.at_ns,
        layer=event.layer,
        where=event.where,
        text=event.text,
        source=source_json(event.source),
        fate=event.fate or None,
        sightings=[
            SightingJson(point=s.point, at_ns=s.at_ns, source=SourceJson(file=s.source.file, frame=s.source.frame or 0))
            for s in event.sightings
        ],
        packet=source_json(event.packet),
    )  # fmt: skip


# ---- what is asked for ----
def chosen(found: Timeline, around: str | None, seconds: float) -> Timeline:
    """The events around a moment; None: all. Raises LastseenError where there is no such moment."""
    span = moment_of(around, found)
    if span is None:
        return found
    within_ns = int(seconds * _NS)
    near = [e for e in found.events if span[0] - within_ns <= e.at_ns <= span[1] + within_ns]
    return replace(found, events=tuple(near))


def moment_of(around: str | None, found: Timeline | None) -> tuple[int, int] | None:
    """What --around names, from and until, ns since the epoch; the form alone is checked without a timeline."""
    if around is None:
        return None
    clock, epoch = _CLOCK_TIME.fullmatch(around), _EPOCH.fullmatch(around)
    if around != STALL and clock is None and epoch is None:
        raise LastseenError(
            f"--around {around}: expected 'stall', a time such as 22:04:54.7, or seconds since the epoch"
        )
    if found is None:
        return None
    if around == STALL:
        if found.stall_ns is None:
            raise LastseenError("--around stall: the connection never stood still; name a time")
        return found.stall_ns
    if epoch is not None:
        at_ns = int(epoch["s"]) * _NS + int((epoch["part"] or "").ljust(9, "0"))
    else:
        assert clock is not None  # noqa: S101 - one of the three it is
        at_ns = _clock_ns(clock, around, found.events)
    return at_ns, at_ns


def _clock_ns(clock: re.Match[str], around: str, events: Sequence[Event]) -> int:
    first_ns = events[0].at_ns if events else 0
    try:
        day = clock["day"] or _utc(first_ns).strftime("%Y-%m-%d")
        start = datetime.fromisoformat(f"{day}T{clock['h']}:{clock['m']}:{clock['s'] or '00'}+00:00")
    except ValueError as error:
        raise LastseenError(f"--around {around}: there is no such time") from error
    at_ns = int(start.timestamp()) * _NS + int((clock["part"] or "").ljust(9, "0"))
    # a time of day before the first event's is the next day's
    return at_ns + _DAY_NS if clock["day"] is None and at_ns < first_ns - _DAY_NS // 2 else at_ns


def _utc(at_ns: int) -> datetime:
    return datetime.fromtimestamp(at_ns // _NS, UTC)


# ---- the page ----
def print_timeline(
    found: Timeline,
    *,
    every: bool = False,
    partial: bool = False,
    console_width: int | None = None,
    stream: TextIO | None = None,
) -> None:
    """Print it to `stream` (standard output); width and pipes as `print_diagnosis`. `every`: no runs drawn together."""
    page = Page(stream, console_width)
    page.say((f"Timeline of {found.connection or 'the case'}", "bold"))
    if partial:
        page.say(("Partial: the time was up before everything was read.", "yellow"))
    if found.events:
        first, last = found.events[0].at_ns, found.events[-1].at_ns
        page.say(
            f"{counted(len(found.events), 'event')} in {duration(last - first)} from {_utc(first):%Y-%m-%d} UTC, by the"
            " clock of the first point"
        )
        page.blank()
    else:
        page.say("Nothing happened that can be placed in time.")
    lines = list(_lines(found.events, every=every))
    shown = lines[:MOST]
    previous: int | None = None
    for at_ns, label, parts in shown:
        if previous is not None and at_ns - previous >= _NS:
            page.say((f"... {duration(at_ns - previous)} nothing", "dim"), indent=2)
        page.say(*parts, label=label)
        previous = at_ns
    if len(lines) > MOST:
        page.say((f"... and {counted(len(lines) - MOST, 'more line')} (--around MOMENT, or --json)", "dim"))
    if found.notes:
        page.heading("Notes")
        for note in found.notes:
            page.say(note.text, label="* ", indent=2)
    page.write()


def _lines(events: Iterable[Event], *, every: bool) -> Iterator[tuple[int, str, list[Part]]]:
    """(time, label, text) of each event, or of a run of packets that all arrived."""
    for run_of_packets, group in groupby(events, lambda e: e.layer == "packet" and not e.fate):
        run = list(group)
        if every or not run_of_packets or len(run) <= RUN:
            yield from (_line(event) for event in run)
            continue
        yield _line(run[0])
        middle = run[1:-1]
        yield (
            middle[0].at_ns,
            _label(middle[0].at_ns),
            [(f"{len(middle)} packets, {_ways(middle)}: all arrived", "dim")],
        )
        yield _line(run[-1])


def _ways(run: Sequence[Event]) -> str:
    found = {way: sum(event.where == way for event in run) for way in ("to client", "to remote")}
    return ", ".join(f"{count} {way}" for way, count in found.items() if count)


def _line(event: Event) -> tuple[int, str, list[Part]]:
    parts: list[Part] = [(event.where + "  ", "dim"), (event.text, STYLES[event.layer])]
    if event.layer == "packet":
        parts += _passed(event)
    elif event.packet is not None:
        parts.append((f"  about {event.packet}", "dim"))
    if event.layer != "packet" or len(event.sightings) == 1:
        parts.append((f"  {event.source}", "dim"))
    return event.at_ns, _label(event.at_ns), parts


def _passed(event: Event) -> list[Part]:
    """Where a packet was seen, and where it was seen last."""
    first, last = event.sightings[0], event.sightings[-1]
    if event.fate:
        style = "bold red" if event.fate == "lost" else "yellow"
        return [(f"  {event.fate.upper()} behind {last.point}", style), (f"  {last.source}", "dim")]
    if len(event.sightings) == 1:
        return [(f"  at {first.point} only", "dim")]
    took = duration(last.at_ns - first.at_ns)
    return [(f"  {first.point} > {last.point}, {took}", "dim")]


def _label(at_ns: int) -> str:
    return f"{_utc(at_ns):%H:%M:%S}.{at_ns % _NS // 1000:06d} "
