"""Which missing packets an ICMP error quotes: whoever threw them away said so, and where that was captured.

An error is joined to a packet only where it can mean no other one. Its quote gives addresses, ports, TCP's sequence
number and IPv4's identification; where several packets say the same (repetitions without an identification), they are
taken in order of time only if there are as many errors. Translation is undone in quotes as in headers (RFC 5508, 4.2;
Linux nf_nat_icmp_reply_translation): at each point they carry the addresses their connection has there.

Missing is what was lost and what is unproven. Of the latter the error says that somebody threw it away, not on which
side of the point that did not see it, which may not have been watching: it stays unproven.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.matching.grouping import are_icmp_errors
from lastseen.tables.details import Details, column
from lastseen.tables.packets import ACK, FLOW, FLOW_PROTO, ID_WINDOW, SEQ
from lastseen.tables.points import DUPLICATED, LOST, UNPROVEN, Hop, Matching, Point
from lastseen.tables.quotes import Quote

__all__ = ["quotes_of_losses"]

Int64s = npt.NDArray[np.int64]
Key = tuple[int, ...]
"""Source, destination, ports, sequence number, identification; -1 where a packet has none."""

MOST_PACKETS: Final = 20_000
"""Errors of a point, and packets of a hop that may be meant, that are looked at, the first ones: each is read from the
file again."""

_TCP, _UDP, _ICMP, _ICMP6, _V4 = 6, 17, 1, 58, 4
_REDIRECT: Final = 5
"""Type of the one error whose packet was passed on all the same (RFC 792)."""
_QUOTED: Final = (
    "quoted_src", "quoted_dst", "quoted_src_port", "quoted_dst_port", "quoted_seq", "quoted_ip_id",
)  # fmt: skip
_ENDS: Final = ("ip_src", "ip_dst", "src_port", "dst_port")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Errors:
    """The errors a point saw, in order of time: `rows` int64[n], `details` their rows, by what they quote."""

    rows: Int64s = field(repr=False)
    details: Int64s = field(repr=False)
    of: dict[Key, list[int]] = field(repr=False)


def quotes_of_losses(matching: Matching, details: Details) -> tuple[Quote, ...]:
    """The errors that quote lost and unproven packets, by hop and packet: at most one each, of the nearest point."""
    if not any(map(_missing, matching.hops)):
        return ()
    errors = {
        number: found
        for number, point in enumerate(matching.points)
        if (found := _errors(point, details)) is not None
    }
    if not errors:
        return ()
    return tuple(
        quote
        for number, hop in enumerate(matching.hops)
        if _missing(hop)
        for quote in _of_hop(matching, number, errors, details)
    )


def _missing(hop: Hop) -> int:
    return hop.count(LOST) + hop.count(UNPROVEN)


def _errors(point: Point, details: Details) -> _Errors | None:
    """None: there are none."""
    flows = point.capture.flows
    protocols = flows[:, FLOW_PROTO] & 0xFF
    kinds = np.append((protocols == _ICMP) | (protocols == _ICMP6), np.False_)
    if not kinds.any():
        return None
    flow = np.minimum(point.capture.packets[:, FLOW] >> 1, len(flows))
    rows = np.flatnonzero(kinds[flow] & (point.group_of >= 0))
    rows = rows[are_icmp_errors(point.capture.packets[rows], protocols[flow[rows]])]
    redirects = point.capture.packets[rows, ACK] >> 24 == _REDIRECT
    rows = rows[~(redirects & (protocols[flow[rows]] == _ICMP))]
    rows = rows[np.argsort(point.capture.times_ns()[rows], kind="stable")][:MOST_PACKETS]
    found = details(point.capture, rows)
    kept = _once(found)
    rows, found = rows[kept], found[kept]
    if not len(rows):
        return None
    of: dict[Key, list[int]] = defaultdict(list)
    for place, key in enumerate(zip(*(column(found, name).tolist() for name in _QUOTED), strict=True)):
        of[key].append(place)
    return _Errors(rows=rows, details=found, of=dict(of))


def _once(found: Int64s) -> Int64s:
    """int64[k]: places of the errors that quote a packet; of one that the capture holds twice the first."""
    told = np.flatnonzero(column(found, "quoted_src") >= 0)
    names = ("ip_src", "ip_id", *_QUOTED)
    alike = [
        tuple(values) for values in np.stack([column(found[told], name) for name in names], axis=1).tolist()
    ]
    first: dict[Key, int] = {}
    for place, key in zip(told.tolist(), alike, strict=True):
        first.setdefault(key if key[1] > 0 else (*key, place), place)
    return np.array(list(first.values()), np.int64)


def _of_hop(matching: Matching, number: int, errors: dict[int, _Errors], details: Details) -> Iterator[Quote]:
    hop = matching.hops[number]
    point = matching.points[hop.upstream]
    rows = _may_be_meant(point, hop, errors)
    found = details(point.capture, rows)
    said: dict[int, Quote] = {}
    for at in sorted(errors, key=lambda one: abs(one - hop.upstream)):
        alike: dict[Key, list[int]] = defaultdict(list)
        for row, key in zip(
            rows.tolist(), _keys(matching, hop, at, (rows, found), details=details), strict=True
        ):
            alike[key].append(row)
        for key, meant in alike.items():
            places = errors[at].of.get(key, [])
            if len(places) == len(meant):
                for row, place in zip(meant, places, strict=True):
                    said.setdefault(row, _quote(number, row, at, errors[at], place=place))
    yield from (said[row] for row in sorted(said) if hop.fate[row] in {LOST, UNPROVEN})


def _may_be_meant(point: Point, hop: Hop, errors: dict[int, _Errors]) -> Int64s:
    """int64[k]: packets in order of time that a quote may mean, of connections of which some are missing."""
    lossy = np.zeros(point.group_count + 1, np.bool_)
    lossy[point.group_of[(hop.fate == LOST) | (hop.fate == UNPROVEN)]] = True
    rows = np.flatnonzero(lossy[point.group_of] & (hop.fate > 0) & (hop.fate != DUPLICATED))
    packets, flows = point.capture.packets[rows], point.capture.flows
    kind = flows[packets[:, FLOW] >> 1, FLOW_PROTO]
    is_v4 = kind >> 8 & 0xF == _V4
    quoted = [np.concatenate([column(e.details, name) for e in errors.values()]) for name in _QUOTED[4:]]
    numbered = ~is_v4 | np.isin((packets[:, ID_WINDOW] >> 16).astype(np.int64), quoted[1])
    sequenced = (kind & 0xFF != _TCP) | np.isin(packets[:, SEQ].astype(np.int64), quoted[0])
    rows = rows[numbered & sequenced]
    ordered: Int64s = rows[np.argsort(point.capture.times_ns()[rows], kind="stable")]
    return ordered[:MOST_PACKETS]


def _keys(
    matching: Matching, hop: Hop, at: int, packets: tuple[Int64s, Int64s], *, details: Details
) -> Iterator[Key]:
    """What an error seen at point `at` quotes of each of the packets (rows, details) of the hop."""
    rows, found = packets
    proto = column(found, "ip_proto")
    has_ports = (proto == _TCP) | (proto == _UDP)
    ends = [column(found, name).copy() for name in _ENDS]
    if at != hop.upstream:
        ends = _ends_at(matching, hop, at, (rows, ends), details=details)
    for ports in ends[2:]:
        ports[~has_ports] = -1
    seq = np.where(proto == _TCP, column(found, "tcp_seq"), -1)
    columns = (*ends, seq, column(found, "ip_id"))
    return zip(*(values.tolist() for values in columns), strict=True)


def _ends_at(
    matching: Matching, hop: Hop, at: int, packets: tuple[Int64s, list[Int64s]], *, details: Details
) -> list[Int64s]:
    """The ends of packets' connections as another point saw them; unchanged where it did not see them."""
    rows, ends = packets
    groups = matching.conversations.group
    both = np.flatnonzero((groups[:, hop.upstream] >= 0) & (groups[:, at] >= 0))
    other = np.full(matching.points[hop.upstream].group_count + 1, -1, np.int64)
    other[groups[both, hop.upstream]] = both
    of = other[matching.points[hop.upstream].group_of[rows]]
    seen = np.unique(of[of >= 0])
    if not len(seen):
        return ends
    shown = _ends_of(matching, seen, at, hop, details=details)
    place = np.searchsorted(seen, of)
    return [
        np.where(of >= 0, theirs[np.minimum(place, len(seen) - 1)], mine)
        for theirs, mine in zip(shown, ends, strict=True)
    ]


def _ends_of(
    matching: Matching, conversations: Int64s, at: int, hop: Hop, *, details: Details
) -> list[Int64s]:
    """Source, destination and ports of the packets of the hop's direction in conversations a point saw."""
    point = matching.points[at]
    groups = matching.conversations.group[conversations, at]
    mine = np.zeros(point.group_count + 1, np.bool_)
    mine[groups] = True
    rows = np.flatnonzero(mine[point.group_of])
    known, first = np.unique(point.group_of[rows], return_index=True)
    first = rows[first][np.searchsorted(known, groups)]
    client = point.originators_of_groups()[groups] ^ matching.conversations.flipped[conversations, at]
    same_way = (point.capture.packets[first, FLOW] & 1) == (client ^ hop.direction)
    src, dst, sport, dport = (column(details(point.capture, first), name) for name in _ENDS)
    return [
        np.where(same_way, one, other)
        for one, other in ((src, dst), (dst, src), (sport, dport), (dport, sport))
    ]


def _quote(hop: int, row: int, point: int, errors: _Errors, *, place: int) -> Quote:
    told = {
        name: int(column(errors.details, name)[place])
        for name in ("ip_version", "icmp_type", "icmp_code", "icmp_mtu")
    }
    return Quote(
        hop=hop,
        row=row,
        point=point,
        error_row=int(errors.rows[place]),
        ip_version=told["ip_version"],
        type=told["icmp_type"],
        code=told["icmp_code"],
        mtu=told["icmp_mtu"] if told["icmp_mtu"] > 0 else None,
    )
