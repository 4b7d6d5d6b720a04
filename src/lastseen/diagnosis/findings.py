"""What else is worth saying of a case: how the FIN looks along the path, clocks, what harmless things happened."""

from collections.abc import Iterator, Sequence

from lastseen.diagnosis.joins import LogClock
from lastseen.diagnosis.loss_sites import Details
from lastseen.faults.facts import ConversationFacts, Facts
from lastseen.tables.details import column
from lastseen.tables.judgements import Reason
from lastseen.tables.packets import Capture
from lastseen.tables.sources import Source

__all__ = ["findings"]

CLOCK_SPREAD_NS = 100_000_000
"""A log whose joined lines scatter more than this around their median has no usable times."""
CLOCK_NOTED_NS = 1_000_000
"""A log this close to the captures' clock is on it."""


def findings(facts: Facts, clocks: Sequence[LogClock], details: Details) -> tuple[Reason, ...]:
    """Notes in the order of their use."""
    notes = [*_fin_along_path(facts, details), *_unproven(facts), *_watch_proofs(facts), *_clocks(clocks), *_harmless(facts)]
    return tuple(notes)


def _fin_along_path(facts: Facts, details: Details) -> Iterator[Reason]:
    """Length of the remote's FIN where it arrives last, if it was padded on the way."""
    conversation = next((c for c in facts.conversations if any(c.fins)), None)
    if conversation is None:
        return
    lengths = [
        (facts.matching.points[p].name, *_frame(facts.matching.points[p].capture, frames[0], details), p, frames[0])
        for p, frames in zip(conversation.seen_at, conversation.fins, strict=True)
        if frames
    ]
    if not any(padding for _, _, padding, _, _ in lengths):
        return
    name, size, padding, p, frame = lengths[-1]
    source = Source(file=facts.matching.points[p].file, frame=frame)
    nearest = conversation.seen_at[-1] == p or len(lengths) == len(conversation.seen_at)
    if not nearest:
        return
    before = next((entry for entry in reversed(lengths[:-1]) if bool(entry[2]) != bool(padding)), None)
    if padding:
        text = f"the server's FIN reaches {name} {size} bytes long, still padded: the padding is not trimmed on the way"
    elif before is not None:
        text = f"the server's FIN reaches {name} {size} bytes long; it was {before[1]} bytes (padded) at {before[0]}: trimmed"
    else:
        return
    yield Reason(text=text, source=_first_short(facts, lengths, source))


def _first_short(facts: Facts, lengths: Sequence[tuple[str, int, int, int, int]], otherwise: Source) -> Source:
    """The frame at the first point where the FIN has its last length."""
    final = lengths[-1][1]
    for _, size, _, p, frame in lengths:
        if size == final:
            return Source(file=facts.matching.points[p].file, frame=frame)
    return otherwise


def _frame(capture: Capture, frame: int, details: Details) -> tuple[int, int]:
    """(frame length, padding) of one packet, its tunnel headers left out: the inner frame's length."""
    import numpy as np  # noqa: PLC0415 - a single small array

    row = details(capture, np.array([frame - 1], np.int64))
    ip_len, padding = int(column(row, "ip_len")[0]), int(column(row, "padding_len")[0])
    ethernet = 14 if int(column(row, "eth_src")[0]) >= 0 else 0
    return ip_len + padding + ethernet, padding


def _unproven(facts: Facts) -> Iterator[Reason]:
    for site in facts.sites:
        if len(site.unproven_rows):
            count = len(site.unproven_rows)
            text = (
                f"{count} more packet{'s' if count > 1 else ''} came after the last one captured at {site.downstream.name}: "
                "whether that capture still ran is not proven, so it is counted apart"
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
        if clock.spread_ns > CLOCK_SPREAD_NS:
            yield Reason(text=f"the times in {clock.file} do not fit the packets; its lines were joined without them", source=source)
        elif clock.clock == "wall" and abs(clock.ahead_ns) > CLOCK_NOTED_NS:
            side = "behind" if clock.ahead_ns > 0 else "ahead of"
            text = f"the clock of {clock.file} runs {abs(clock.ahead_ns) / 1e6:.0f} ms {side} the captures'"
            yield Reason(text=text, source=source)


def _harmless(facts: Facts) -> Iterator[Reason]:
    for site in facts.sites:
        if len(site.lost_rows) and not site.material:
            text = (
                f"{len(site.lost_rows)} packets were lost between {site.upstream.name} and {site.downstream.name},"
                " but nobody waited for them: repaired in time, or not needed any more"
            )
            yield Reason(text=text, source=site.source(int(site.lost_rows[0])))


def stalled(facts: Facts) -> list[ConversationFacts]:
    """Conversations in focus that stalled, worst first."""
    return sorted((c for c in facts.conversations if c.stall and c.number in facts.focus), key=lambda c: -c.stall_ns)
