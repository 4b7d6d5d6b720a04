"""Join the kernel's log lines to the very packets they speak of, and count a line found in two files once.

By tuple, sequence and acknowledgment number, flags and IP id (of other protocols: tuple and IP id); packets that are
equal in all of that pair in order. Never by time: each log has its own clock, which is estimated from the joined
lines instead.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.faults.facts import JoinedLine
from lastseen.tables.endpoints import endpoints_of
from lastseen.tables.facts_from_texts import LoggedPacket, LogLine
from lastseen.tables.packets import ACK, FLOW, FLOW_PROTO, ID_WINDOW, LENGTH_FLAGS, NO_FLOW, SEQ
from lastseen.tables.points import Point

__all__ = ["LogClock", "join_lines", "log_clocks"]

_FLAG_BITS: Final = 0x3F
"""The log prints CWR ECE URG ACK PSH RST SYN FIN; the lower six are in every generation."""

ZONE_STEP_NS: Final = 900_000_000_000
"""Time zones differ from UTC by whole quarters of an hour (IANA time zone database); clocks do not."""

_TCP: Final = 6

Key = tuple[object, ...]


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
    """Every line with a topic, joined to a packet where one was captured.

    A packet is sought at the points of the line's own node first, from the client's end: there it is closest to
    where the kernel judged it.
    """
    joined = once(lines)
    wanted: dict[Key, list[int]] = defaultdict(list)
    for index, item in enumerate(joined):
        if item.line.packet is not None:
            wanted[_line_key(item.line.packet)].append(index)
    if not wanted:
        return joined
    numbers = _Numbers.of(_packets(joined))
    order = sorted(range(len(points)), key=lambda p: (points[p].node not in {i.line.node for i in joined}, p))
    for number in order:
        _join_at(number, points[number], wanted, numbers, joined=joined)
    return joined


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Numbers:
    """What to look for in a capture before looking closer: sequence numbers of TCP, IP ids of the rest."""

    tcp_seq: npt.NDArray[np.uint32]
    ip_id: npt.NDArray[np.uint32]

    @staticmethod
    def of(packets: Sequence[LoggedPacket]) -> "_Numbers":
        tcp = {packet.tcp_seq for packet in packets if packet.tcp_seq is not None}
        others = {packet.ip_id for packet in packets if packet.proto != _TCP and packet.ip_id is not None}
        return _Numbers(tcp_seq=np.array(sorted(tcp), np.uint32), ip_id=np.array(sorted(others), np.uint32))

    def in_rows(self, packets: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
        """bool[n]: which packets may be among those logged."""
        found: npt.NDArray[np.bool_] = np.isin(packets[:, SEQ], self.tcp_seq)
        return found | np.isin(packets[:, ID_WINDOW] >> 16, self.ip_id) if len(self.ip_id) else found


def _packets(joined: Iterable[JoinedLine]) -> list[LoggedPacket]:
    return [item.line.packet for item in joined if item.line.packet is not None]


def _line_key(packet: LoggedPacket) -> Key:
    if packet.proto is not None and packet.proto != _TCP:
        return (packet.src.address, packet.src.port, packet.dst.address, packet.dst.port, packet.ip_id)
    flags = None if packet.tcp_flags is None else packet.tcp_flags & _FLAG_BITS
    return (
        packet.src.address, packet.src.port, packet.dst.address, packet.dst.port,
        packet.tcp_seq, packet.tcp_ack, flags, packet.ip_id,
    )  # fmt: skip


def _join_at(
    number: int,
    point: Point,
    wanted: dict[Key, list[int]],
    numbers: _Numbers,
    *,
    joined: list[JoinedLine],
) -> None:
    """Join what is seen at one point.

    Lines that have a packet already keep it unless this point lies later on the way, on the line's own node.
    """
    packets = point.capture.packets
    rows = np.flatnonzero(numbers.in_rows(packets) & (packets[:, FLOW] != NO_FLOW) & (point.group_of >= 0))
    found: dict[Key, list[int]] = defaultdict(list)
    for row in rows.tolist():
        found[_packet_key(point, row)].append(row)
    for key, same in found.items():
        for index, row in zip(wanted.get(key, ()), same, strict=False):
            if joined[index].point is None or joined[index].line.node == point.node:
                joined[index] = replace(joined[index], point=number, row=row)


def _packet_key(point: Point, row: int) -> Key:
    packet = point.capture.packets[row]
    word = int(packet[FLOW])
    flow = point.capture.flows[word >> 1]
    source, destination = endpoints_of(flow, word & 1)
    if int(flow[FLOW_PROTO]) & 0xFF != _TCP:
        return (
            source.address,
            source.port,
            destination.address,
            destination.port,
            int(packet[ID_WINDOW]) >> 16,
        )
    return (
        source.address, source.port, destination.address, destination.port,
        int(packet[SEQ]), int(packet[ACK]), int(packet[LENGTH_FLAGS]) & _FLAG_BITS, int(packet[ID_WINDOW]) >> 16,
    )  # fmt: skip


def log_clocks(
    joined: Sequence[JoinedLine], lines: Iterable[LogLine], points: Sequence[Point]
) -> list[LogClock]:
    """The clock of every log that has joined lines, copies included."""
    at: dict[tuple[str, int | None], LogLine] = {(line.source.file, line.source.line): line for line in lines}
    shifts: dict[tuple[str, str, bool], list[int]] = defaultdict(list)
    for item in joined:
        if item.point is None or item.row is None:
            continue
        packet_ns = int(points[item.point].capture.times_ns()[item.row])
        for source in (item.line.source, *item.copies):
            line = at.get((source.file, source.line))
            if line is not None and line.at_ns is not None:
                local = line.clock == "wall" and not line.zone_known
                shifts[source.file, line.clock, local].append(packet_ns - line.at_ns)
    return [_clock(*log, values) for log, values in sorted(shifts.items())]


def _clock(file: str, clock: str, is_local: bool, values: list[int]) -> LogClock:
    ahead = int(np.median(values))
    spread = max(abs(value - ahead) for value in values)
    zone = -round(ahead / ZONE_STEP_NS) * ZONE_STEP_NS if is_local else 0
    return LogClock(
        file=file, clock=clock, ahead_ns=ahead + zone, spread_ns=spread, lines=len(values), zone_ns=zone
    )
