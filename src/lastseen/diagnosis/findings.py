"""What else is worth saying of a case: how the FIN looks along the path, clocks, what harmless things happened."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lastseen.diagnosis.joins import LogClock
from lastseen.faults.facts import ConversationFacts, Facts
from lastseen.faults.tracks import Details
from lastseen.matching.related import related_text
from lastseen.tables.counted import counted
from lastseen.tables.details import column
from lastseen.tables.judgements import Reason
from lastseen.tables.packets import Capture
from lastseen.tables.points import Point, source_of
from lastseen.tables.sources import Source

__all__ = ["findings"]

CLOCK_NOTED_NS = 1_000_000
"""A log this close to the captures' clock is on it."""
RELATED_SHOWN = 5
"""Connections that go on as others, of which a sentence is said; the JSON has all."""
COMMENTS_SHOWN = 5
"""Comments shown of one capture."""


def findings(facts: Facts, clocks: Sequence[LogClock], details: Details) -> tuple[Reason, ...]:
    """Notes in the order of their use."""
    notes = [
        *_related(facts),
        *_fin_along_path(facts, details),
        *_fin_elsewhere(facts),
        *_checksums_off(facts),
        *_unproven(facts),
        *_watch_proofs(facts),
        *_clocks(clocks),
        *_harmless(facts),
        *_comments(facts),
    ]
    return tuple(notes)


def _related(facts: Facts) -> Iterator[Reason]:
    """Connections in focus that go on as others; the first ones."""
    mine = [r for r in facts.related if facts.focus & {r.front, r.back}]
    for found in mine[:RELATED_SHOWN]:
        point = facts.matching.points[found.back_point]
        yield Reason(text=related_text(facts.matching, found), source=source_of(point, found.back_row))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fin:
    """The remote's first FIN at one point: length of its (inner) frame and how much of that is padding."""

    point: str
    source: Source
    length: int
    padding: int


def _fin_along_path(facts: Facts, details: Details) -> Iterator[Reason]:
    """Where a padded FIN of the remote end is trimmed, or that it stays padded up to the client."""
    conversation = next((c for c in facts.conversations if any(c.fins)), None)
    if conversation is None or not conversation.fins[-1]:
        return
    seen = [
        _fin(facts.matching.points[p], frames[0], details)
        for p, frames in zip(conversation.seen_at, conversation.fins, strict=True)
        if frames
    ]
    padded = [fin for fin in seen if fin.padding]
    if len(seen) < 2 or not padded:  # noqa: PLR2004 - one point shows no change
        return
    last = padded[-1]
    after = seen[seen.index(last) + 1 :]
    if after:
        text = (
            f"the server's FIN is {last.length} bytes long (padded) at {last.point} and {after[0].length} at"
            f" {after[0].point}: the padding is trimmed there"
        )
        yield Reason(text=text, source=after[0].source)
    elif len(padded) > 1:
        text = (
            f"the server's FIN is {last.length} bytes long (padded) at {padded[-2].point} and still at {last.point}:"
            " nothing trims it on the way, and it passes"
        )
        yield Reason(text=text, source=last.source)


def _fin_elsewhere(facts: Facts) -> Iterator[Reason]:
    """Nothing shows both ends of the path, but another connection tells that such a remote end does close.

    That is what two captures of two tries are good for: nothing can be matched, and yet the FIN is here and not there.
    """
    if any(len(c.seen_at) > 1 for c in facts.conversations):
        return
    still_open = (c for c in facts.conversations if c.answered and not c.was_reset and not any(c.fins))
    for one in tuple(still_open)[:1]:
        closed = (other for other in facts.conversations if any(other.fins) and other.seen_at != one.seen_at)
        for other in closed:
            if _remote_port(other) == _remote_port(one):
                here, there = (facts.matching.points[c.seen_at[0]].name for c in (one, other))
                text = (
                    f"no FIN of the remote end is in {one.text} at {here}, but one is in {other.text} at {there}:"
                    " such a remote end does close; where a FIN is lost, captures of one and the same try tell"
                )
                yield Reason(text=text, source=other.fin_source)
                return


def _remote_port(conversation: ConversationFacts) -> str:
    return conversation.text.rpartition(":")[2]


def _fin(point: Point, frame: int, details: Details) -> _Fin:
    length, padding = _frame(point.capture, frame, details)
    return _Fin(point=point.name, source=source_of(point, frame - 1), length=length, padding=padding)


def _frame(capture: Capture, frame: int, details: Details) -> tuple[int, int]:
    """(frame length, padding) of one packet, its tunnel headers left out: the inner frame's length."""
    row = details(capture, np.array([frame - 1], np.int64))
    ip_len, padding = int(column(row, "ip_len")[0]), int(column(row, "padding_len")[0])
    ethernet = 14 if int(column(row, "eth_src")[0]) >= 0 else 0
    return ip_len + padding + ethernet, padding


def _unproven(facts: Facts) -> Iterator[Reason]:
    for site in facts.sites:
        if len(site.unproven_rows):
            count = len(site.unproven_rows)
            text = (
                f"{count} more packet{'s' if count > 1 else ''} came after the last one captured at"
                f" {site.downstream.name}: whether that capture still ran is not proven, so it is counted apart"
            )
            yield Reason(text=text, source=site.source(int(site.unproven_rows[0])))


def _watch_proofs(facts: Facts) -> Iterator[Reason]:
    """Why a packet after a capture's last one is called lost all the same."""
    for site in facts.sites:
        watch, last = site.downstream.watch, site.downstream.last_ns
        if watch.reason and watch.end_ns is not None and last is not None and watch.end_ns > last:
            text = f"{site.downstream.name} still ran after its last packet: {watch.reason}"
            yield Reason(text=text, source=Source(file=site.downstream.file))


def _clocks(clocks: Sequence[LogClock]) -> Iterator[Reason]:
    for clock in clocks:
        source = Source(file=clock.file)
        if not clock.is_steady:
            yield Reason(
                text=f"the times in {clock.file} do not fit the packets; its lines were joined without them",
                source=source,
            )
            continue
        if clock.zone_ns:
            hours, minutes = divmod(abs(clock.zone_ns) // 60_000_000_000, 60)
            sign = "+" if clock.zone_ns > 0 else "-"
            text = (
                f"the times in {clock.file} are local, UTC{sign}{hours:02}:{minutes:02} by the packets joined"
            )
            yield Reason(text=text, source=source)
        if clock.clock == "wall" and abs(clock.ahead_ns) > CLOCK_NOTED_NS:
            side = "behind" if clock.ahead_ns > 0 else "ahead of"
            text = f"the clock of {clock.file} runs {abs(clock.ahead_ns) / 1e6:.0f} ms {side} the captures'"
            yield Reason(text=text, source=source)


def _checksums_off(facts: Facts) -> Iterator[Reason]:
    """conntrack's checksum test switched off, which hides the padding fault while it lasts."""
    found = facts.setting("net.netfilter.nf_conntrack_checksum", None)
    if found and all(setting.value == "0" for setting in found):
        text = (
            f"conntrack does not verify checksums on {facts.host(found[0].node)} (nf_conntrack_checksum = 0)"
        )
        yield Reason(text=text, source=found[0].source)


def _harmless(facts: Facts) -> Iterator[Reason]:
    for site in facts.sites:
        if len(site.lost_rows) and not site.material:
            lost = len(site.lost_rows)
            text = (
                f"{counted(lost, 'packet', 'were')} lost between {site.upstream.name} and {site.downstream.name},"
                f" but nobody waited for {'it' if lost == 1 else 'them'}: repaired in time, or not needed any more"
            )
            yield Reason(text=text, source=site.source(int(site.lost_rows[0])))


def _comments(facts: Facts) -> Iterator[Reason]:
    """What people wrote into the captures: whoever mailed the file may have said what to look at."""
    for point in facts.matching.points:
        for frame, text in point.capture.comments[:COMMENTS_SHOWN]:
            yield Reason(text=f"comment in the capture: {text}", source=source_of(point, (frame or 0) - 1))


def stalled(facts: Facts) -> list[ConversationFacts]:
    """Conversations in focus that stalled, worst first."""
    return sorted(facts.stalled(), key=lambda c: -c.stall_ns)
