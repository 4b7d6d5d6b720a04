"""Join log lines and traced drops to the very packets they speak of, and count a line found in two files once.

How a packet is found is told in `packet_joins`. Each log has its own clock, which is estimated from the joined lines.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median_low
from typing import Final

from lastseen.diagnosis.packet_joins import Meant, Statement, packets_meant
from lastseen.faults.facts import JoinedDrop, JoinedLine
from lastseen.tables.facts_from_texts import Drop, LoggedPacket, LogLine
from lastseen.tables.points import Point

__all__ = ["STEADY_NS", "LogClock", "is_utc", "join_drops", "join_lines", "log_clocks"]

ZONE_STEP_NS: Final = 900_000_000_000
"""Time zones differ from UTC by whole quarters of an hour (IANA time zone database); clocks do not."""
STEADY_NS: Final = 100_000_000
"""A log whose joined lines scatter more than this around their median has no usable times."""


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

    @property
    def is_steady(self) -> bool:
        """Whether the times of this log can be used."""
        return self.spread_ns <= STEADY_NS


def once(lines: Iterable[LogLine]) -> list[JoinedLine]:
    """Lines that are the same in several files of a node, counted once.

    The k-th occurrence of a text in one file is the k-th occurrence of it in another; order of first appearance.
    """
    seen: dict[tuple[str, str, int], JoinedLine] = {}
    counts: dict[tuple[str, str, str], int] = defaultdict(int)
    for line in lines:
        if not line.topic:
            continue
        place = (line.source.file, line.node, line.text)
        rank = counts[place]
        counts[place] = rank + 1
        key = (line.node, line.text, rank)
        known = seen.get(key)
        seen[key] = (
            JoinedLine(line=line) if known is None else replace(known, copies=(*known.copies, line.source))
        )
    return list(seen.values())


def join_lines(lines: Iterable[LogLine], points: Sequence[Point]) -> list[JoinedLine]:
    """Every line with a topic, joined to its packet where exactly one is meant."""
    joined = once(lines)
    if not points:
        return joined  # there is no packet to be joined to, and a log may have 200,000 lines
    return [
        replace(item, point=one.point, row=one.row, candidates=one.candidates)
        for item, one in zip(joined, _meant([item.line for item in joined], points), strict=True)
    ]


def join_drops(drops: Sequence[Drop], points: Sequence[Point]) -> list[JoinedDrop]:
    """Every traced drop, joined to its packet where the trace tells one and exactly one is meant."""
    return [
        JoinedDrop(drop=drop, point=one.point, row=one.row, candidates=one.candidates)
        for drop, one in zip(drops, _meant(drops, points), strict=True)
    ]


def _meant(rows: Sequence[LogLine | Drop], points: Sequence[Point]) -> Iterator[Meant]:
    """What each row means; nothing where it names no packet."""
    found = iter(packets_meant([_stated(row, row.packet) for row in rows if row.packet is not None], points))
    return (Meant() if row.packet is None else next(found) for row in rows)


def _stated(row: LogLine | Drop, packet: LoggedPacket) -> Statement:
    return Statement(
        packet=packet,
        node=row.node,
        kind=f"{row.topic} {row.reason}" if isinstance(row, LogLine) else f"{row.reason} {row.location}",
        clock=(row.source.file, row.clock),
        at_ns=row.at_ns,
        is_utc=is_utc(row),
        line=row.source.line or 0,
    )


def is_utc(row: LogLine | Drop) -> bool:
    """Whether a row's times count from the epoch."""
    return isinstance(row, LogLine) and row.clock == "wall" and row.zone_known


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
    at: dict[tuple[str, int | None], LogLine] = {(line.source.file, line.source.line): line for line in lines}
    shifts: dict[tuple[str, str, bool], list[int]] = defaultdict(list)
    for item in joined:
        if item.point is None or item.row is None:
            continue
        packet_ns = int(points[item.point].capture.times_ns()[item.row]) + shift_ns[item.point]
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
