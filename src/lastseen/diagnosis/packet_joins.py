"""The captured packet that a text speaks of: found by every field the text gives, and by nothing it does not give.

A join is proof, so it is made only where one packet is meant. Texts that say the same of a packet pair with the packets
in order where there are as many of the one as of the other. Where more packets could be meant the number is said, and
that text's clock may still tell them apart, once identified packets have shown how it runs.

What identifies a packet: of TCP its sequence number, of IPv4 an identification other than 0 (Linux sends resets and
SYN-ACKs with 0). Without either a packet is joined only where no other fits; of TCP never by addresses and ports
alone, which tell neither which packet of a connection is meant nor, in some traces, in which direction it went.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.diagnosis.packet_index import PacketIndex
from lastseen.tables.facts_from_texts import LoggedPacket
from lastseen.tables.points import Point

__all__ = ["Meant", "Statement", "packets_meant"]

FAR_NS: Final = 300_000_000_000
"""Clocks that tell UTC differ by less than five minutes: Kerberos refuses more (RFC 4120, section 1.6)."""
STEADY_JOINS: Final = 3
STEADY_OVER_NS: Final = 1_000_000_000
STEADY_SPREAD_NS: Final = 50_000_000
"""A clock is known from three identified packets over a second that agree to a quarter of the shortest
retransmission timeout (200 ms, TCP_RTO_MIN in Linux include/net/tcp.h): it then tells repeated packets apart."""
SECOND_NS: Final = 1_000_000_000
MOST_SHIFTS: Final = 1_000
"""Ways of laying texts over packets that are tried; a packet is repeated fifteen times (tcp_retries2)."""

_TCP: Final = 6
_TUPLE_ONLY: Final = 1
Rows = list[int]
Clock = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a text says of a packet. `kind`: what it says happened to it; a packet is said to once, for each kind.

    `clock`: file and kind of its times; `is_utc`: these count from the epoch. `line` orders texts without times.
    """

    packet: LoggedPacket
    node: str
    kind: str
    clock: Clock
    at_ns: int | None
    is_utc: bool
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """The packet meant: `row` of point number `point`, None unless it is exactly one.

    `candidates`: how many captured packets fit what is said.
    """

    point: int | None = None
    row: int | None = None
    candidates: int = 0


@dataclass(frozen=True, slots=True)
class _Group:
    """Statements that say the same (their numbers, in order of time), and the packets that fit at one point."""

    members: tuple[int, ...]
    first: Statement
    point: int
    rows: Rows


def packets_meant(statements: Sequence[Statement], points: Sequence[Point]) -> list[Meant]:
    """For each statement the packet it is about. The order in which the statements are given makes no difference."""
    meant = [Meant() for _ in statements]
    groups = _groups(statements, points)
    times = [point.capture.times_ns() for point in points] if groups else []
    for group in groups:
        _mean(meant, group, _by_fields(group) or _by_rhythm(group, statements, times))
    known = _clocks(
        (statement, int(times[found.point][found.row]))
        for statement, found in zip(statements, meant, strict=True)
        if found.point is not None and found.row is not None and _is_identified(statement.packet)
    )
    for group in groups:
        _mean(meant, group, _by_time(group, statements, times, meant=meant, known=known))
    return meant


def _mean(meant: list[Meant], group: _Group, rows: Sequence[int | None] | None) -> None:
    for place, number in enumerate(group.members):
        row = None if rows is None else rows[place]
        point = None if row is None else group.point
        meant[number] = Meant(point=point, row=row, candidates=len(group.rows))


def _is_identified(packet: LoggedPacket) -> bool:
    return packet.tcp_seq is not None or bool(packet.ip_id)


# ---- which packets fit ----
def _groups(statements: Sequence[Statement], points: Sequence[Point]) -> list[_Group]:
    """Statements that say the same, each with what fits at the point that tells most of them."""
    alike: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for number, one in enumerate(statements):
        packet = one.packet
        said = (packet.src, packet.dst, packet.proto, packet.tcp_seq, packet.tcp_ack, packet.tcp_flags)
        alike[one.node, one.clock[0], one.kind, *said, packet.ip_id, packet.ip_len_bytes].append(number)
    firsts = [statements[members[0]] for members in alike.values()]
    found: list[list[Rows]] = [[] for _ in firsts]
    for point in points:
        index = PacketIndex.of(point, [first.packet for first in firsts])
        for first, rows in zip(firsts, found, strict=True):
            rows.append(index.fitting(first.packet))
    groups = []
    for members, first, rows in zip(alike.values(), firsts, found, strict=True):
        point_number = _telling(first.node, rows, points)
        if point_number is not None:
            order = sorted(members, key=lambda number: _moment(statements[number]))
            groups.append(_Group(tuple(order), first, point_number, rows[point_number]))
    return groups


def _moment(statement: Statement) -> tuple[bool, int, int]:
    return (statement.at_ns is None, statement.at_ns or 0, statement.line)


def _telling(node: str, rows: Sequence[Rows], points: Sequence[Point]) -> int | None:
    """The point to look at: of the statement's own node, if any of them saw the packet; the one that saw it most often.

    Of equals the one nearest the client on its own node, where it was seen latest before or after it was judged, and
    the one nearest the remote end elsewhere.
    """
    seen = [number for number, found in enumerate(rows) if len(found)]
    own = [number for number in seen if points[number].node == node]
    if own:
        return max(own, key=lambda number: (len(rows[number]), number))
    return max(seen, key=lambda number: (len(rows[number]), -number), default=None)


# ---- which of them is meant ----
def _by_fields(group: _Group) -> Sequence[int] | None:
    """A row for each member where the fields alone tell which; None where they do not."""
    packet, rows = group.first.packet, group.rows
    many = len(group.members)
    if _is_identified(packet):
        if len(rows) == many:
            return rows
        # The same identification twice is the same packet, spoken of twice.
        return rows * many if len(rows) == 1 and packet.ip_id else None
    alone = packet.proto != _TCP or packet.tcp_flags is not None
    return rows if alone and len(rows) == many == _TUPLE_ONLY else None


def _by_rhythm(
    group: _Group, statements: Sequence[Statement], times_ns: Sequence[npt.NDArray[np.int64]]
) -> list[int | None] | None:
    """Repetitions of a packet, of which the text or the capture has more than the other, laid over each other.

    Their pauses differ (retransmission timers double), so that they fit in one way only, if at all; those without a
    counterpart came before the other began or after it ended.
    """
    said = [statements[number].at_ns for number in group.members]
    seen_ns = times_ns[group.point][group.rows]
    if not _is_identified(group.first.packet) or min(len(said), len(seen_ns)) < STEADY_JOINS or None in said:
        return None
    said_ns = np.array(said, np.int64)
    coarse = not (said_ns % SECOND_NS).any()
    shorter, longer = sorted((said_ns, seen_ns), key=len)
    many = len(longer) - len(shorter) + 1
    spreads = [int(np.ptp(longer[at : at + len(shorter)] - shorter)) for at in range(min(many, MOST_SHIFTS))]
    best, *others = sorted(spreads)
    allowed = SECOND_NS if coarse else STEADY_SPREAD_NS
    if many > MOST_SHIFTS or best >= allowed or (others and others[0] < allowed + STEADY_SPREAD_NS):
        return None
    at = spreads.index(best)
    if shorter is said_ns:
        return [*group.rows[at : at + len(said)]]
    return [None] * at + [*group.rows] + [None] * (many - 1 - at)


def _clocks(joined: Iterable[tuple[Statement, int]]) -> dict[Clock, int]:
    """How far the captures' clock is ahead of each clock that identified packets show to run steadily, in ns."""
    shifts: dict[Clock, list[tuple[int, int]]] = defaultdict(list)
    for statement, packet_ns in joined:
        if statement.at_ns is not None:
            shifts[statement.clock].append((packet_ns - statement.at_ns, packet_ns))
    return {
        clock: median_low([shift for shift, _ in values])
        for clock, values in shifts.items()
        if len(values) >= STEADY_JOINS
        and max(at for _, at in values) - min(at for _, at in values) >= STEADY_OVER_NS
        and max(shift for shift, _ in values) - min(shift for shift, _ in values) <= STEADY_SPREAD_NS
    }


def _by_time(
    group: _Group,
    statements: Sequence[Statement],
    times_ns: Sequence[npt.NDArray[np.int64]],
    *,
    meant: Sequence[Meant],
    known: dict[Clock, int],
) -> Sequence[int | None] | None:
    """What the fields told, unless the clock contradicts it; where they did not tell, what the clock tells."""
    told = [meant[number].row for number in group.members]
    if any(row is not None for row in told) and _is_identified(group.first.packet):
        return told
    members = [statements[number] for number in group.members]
    ahead_ns = known.get(group.first.clock)
    times = times_ns[group.point][group.rows]
    if told[0] is not None:
        return told if _fits_time(members[0], int(times[0]), ahead_ns) else None
    if ahead_ns is None:
        return None
    places = [place for one in members if (place := _only_near(one, times, ahead_ns)) is not None]
    each_its_own = len(set(places)) == len(members)
    return [group.rows[place] for place in places] if each_its_own else None


def _fits_time(statement: Statement, packet_ns: int, ahead_ns: int | None) -> bool:
    """Whether a text's time, if it has one, may be that of the packet."""
    if statement.at_ns is None:
        return True
    if ahead_ns is not None:
        return abs(statement.at_ns + ahead_ns - packet_ns) <= STEADY_SPREAD_NS
    return not statement.is_utc or abs(statement.at_ns - packet_ns) <= FAR_NS


def _only_near(statement: Statement, times: npt.NDArray[np.int64], ahead_ns: int) -> int | None:
    """The place of the only packet at the time a text gives."""
    if statement.at_ns is None:
        return None
    distance_ns = np.abs(times - (statement.at_ns + ahead_ns))
    near = np.flatnonzero(distance_ns <= 2 * STEADY_SPREAD_NS)
    return int(near[0]) if len(near) == 1 and distance_ns[near[0]] <= STEADY_SPREAD_NS else None
