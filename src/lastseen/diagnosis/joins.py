"""Join log lines and traced drops to the very packets they speak of, and count a line found in two files once.

How a packet is found is told in `packet_joins`. Each log has its own clock, which is estimated from the joined lines.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median_low
from typing import Final

from lastseen.diagnosis.packet_joins import Meant, Statement, packets_meant
from lastseen.faults.facts import JoinedDrop, JoinedLine
from lastseen.tables.facts_from_texts import Drop, LogLine
from lastseen.tables.points import Point

__all__ = ["LogClock", "join_drops", "join_lines", "log_clocks"]

ZONE_STEP_NS: Final = 900_000_000_000
"""Time zones differ from UTC by whole quarters of an hour (IANA time zone database); clocks do not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogClock:
    """One log's clock: `ahead_ns` is how far the captures' clock is ahead of it (median of the joined lines).

    `zone_ns`: how far its local times are ahead of UTC, found from the joined lines where the text does not say it;
    already taken out of `ahead_ns`. `spread_ns`: largest distance from that median; a large one means that the
    times of this log say nothing.
    """

    file: str
    clock: str
    ahead_ns: int
    spread_ns: int
    lines: int
    zone_ns: int = 0


def once(lines: Iterable[LogLine]) -> list[JoinedLine]:
    """Lines that are the same in several files of a node, counted once.

    The k-th occurrence of a text in one file is the k-th occurrence of it in another; order of first appearance.
    """
    seen: dict[tuple[str, str, int], JoinedLine] = {}
    counts: dict[tuple[str, str, str], int] = defaultdict(int)
    for line in lines:
        if not line.topic:
            continue
        rank = counts[line.source.file, line.node, line.text]
        counts[line.source.file, line.node, line.text] += 1
        key = (line.node, line.text, rank)
        known = seen.get(key)
        seen[key] = (
            JoinedLine(line=line) if known is None else replace(known, copies=(*known.copies, line.source))
        )
    return list(seen.values())


def join_lines(lines: Iterable[LogLine], points: Sequence[Point]) -> list[JoinedLine]:
    """Every line with a topic, joined to its packet where exactly one is meant."""
    joined = once(lines)
    told = [item for item in joined if item.line.packet is not None]
    found = packets_meant(
        [_stated(item.line, f"{item.line.topic} {item.line.reason}") for item in told], points
    )
    meant = {id(item): one for item, one in zip(told, found, strict=True)}
    nothing = Meant()
    return [
        replace(item, point=one.point, row=one.row, candidates=one.candidates)
        for item, one in ((item, meant.get(id(item), nothing)) for item in joined)
    ]


def join_drops(drops: Sequence[Drop], points: Sequence[Point]) -> list[JoinedDrop]:
    """Every traced drop, joined to its packet where the trace tells one and exactly one is meant."""
    told = [drop for drop in drops if drop.packet is not None]
    found = iter(packets_meant([_stated(drop, f"{drop.reason} {drop.location}") for drop in told], points))
    return [
        JoinedDrop(drop=drop)
        if drop.packet is None
        else JoinedDrop(drop=drop, point=(one := next(found)).point, row=one.row, candidates=one.candidates)
        for drop in drops
    ]


def _stated(row: LogLine | Drop, kind: str) -> Statement:
    assert row.packet is not None  # noqa: S101 - callers have chosen those
    return Statement(
        packet=row.packet,
        node=row.node,
        kind=kind,
        clock=(row.source.file, row.clock),
        at_ns=row.at_ns,
        is_utc=row.clock == "wall" and getattr(row, "zone_known", False),
        line=row.source.line or 0,
    )


def log_clocks(
    joined: Sequence[JoinedLine],
    lines: Iterable[LogLine],
    points: Sequence[Point],
    offsets_ns: Sequence[int] = (),
) -> list[LogClock]:
    """The clock of every log that has joined lines, copies included.

    `offsets_ns`: what to add to each point's times, as in `Matching`; without it each point's own clock counts.
    """
    shift_ns = offsets_ns or (0,) * len(points)
    times = {
        n: points[n].capture.times_ns() + shift_ns[n]
        for n in {j.point for j in joined if j.point is not None}
    }
    at: dict[tuple[str, int | None], LogLine] = {(line.source.file, line.source.line): line for line in lines}
    shifts: dict[tuple[str, str, bool], list[int]] = defaultdict(list)
    for item in joined:
        if item.point is None or item.row is None:
            continue
        packet_ns = int(times[item.point][item.row])
        for source in (item.line.source, *item.copies):
            line = at.get((source.file, source.line))
            if line is not None and line.at_ns is not None:
                local = line.clock == "wall" and not line.zone_known
                shifts[source.file, line.clock, local].append(packet_ns - line.at_ns)
    return [_clock(*log, values) for log, values in sorted(shifts.items())]


def _clock(file: str, clock: str, is_local: bool, values: list[int]) -> LogClock:
    ahead = median_low(values)  # NumPy's has the precision of a float, 256 ns at times since the epoch
    spread = max(abs(value - ahead) for value in values)
    zone = -round(ahead / ZONE_STEP_NS) * ZONE_STEP_NS if is_local else 0
    return LogClock(
        file=file, clock=clock, ahead_ns=ahead + zone, spread_ns=spread, lines=len(values), zone_ns=zone
    )
