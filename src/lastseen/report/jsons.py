"""The contract objects made from tables of packets. Pure: the same answer gives the same bytes.

What a diagnosis says is in `diagnosis_jsons`, which `losses` and `connections` need not import.
"""

import re
from collections.abc import Sequence
from functools import partial
from typing import Any, Final, cast

import msgspec
import numpy as np
import numpy.typing as npt

from lastseen.compiled import side_by_side
from lastseen.matching.related import texts_of
from lastseen.report import contracts as out
from lastseen.tables import flow_text
from lastseen.tables import points as fates
from lastseen.tables.connections import STALLS, STATES
from lastseen.tables.packets import FLOW, LENGTH_FLAGS
from lastseen.tables.points import DIRECTIONS, Hop, Matching, Point
from lastseen.tables.quotes import IPV4, Quote, meaning
from lastseen.tables.related import Related, Timed
from lastseen.tables.sources import Source, Weird

__all__ = [
    "connections_json",
    "encode",
    "hops_json",
    "losses_at_hops",
    "losses_json",
    "points_json",
    "related_json",
    "source_json",
    "weird_json",
]

PAIRS: Final = ("packets", "bytes", "syn", "fin", "rst", "retransmitted", "holes")
"""Columns of CONNECTION that are pairs, in the order of ConnectionJson."""

_TERMINAL_CONTROL: Final = re.compile(rb"\x7f|\xc2[\x80-\x9f]")
"""DEL and the C1 controls in UTF-8: JSON may hold them raw, a terminal may obey them (ECMA-48, 8-bit CSI)."""


def encode(contract: msgspec.Struct) -> bytes:
    """The object as one line of UTF-8 JSON without newline, fields in the contract's order.

    What no terminal should see raw is escaped; bytes of a file name that are no UTF-8 become "?".
    """
    try:
        encoded = msgspec.json.encode(contract, enc_hook=_plain_number)
    except UnicodeEncodeError:
        encoded = msgspec.json.encode(
            _without_surrogates(msgspec.to_builtins(contract, enc_hook=_plain_number))
        )
    if b"\x7f" not in encoded and b"\xc2" not in encoded:  # the pattern takes longer than the encoding
        return encoded
    return _TERMINAL_CONTROL.sub(lambda found: b"\\u00%02x" % found[0][-1], encoded)


def losses_json(
    matching: Matching,
    *,
    weirds: Sequence[Weird] = (),
    partial: bool = False,
    related: Sequence[Related] = (),
    quotes: Sequence[Quote] = (),
    timed: Sequence[Timed] = (),
) -> out.LossesJson:
    """What was certainly lost, by connection, direction and hop, and the counts of every hop."""
    return out.LossesJson(
        schema="lastseen.losses/1",
        points=points_json(matching),
        losses=losses_at_hops(matching, quotes),
        hops=hops_json(matching),
        order_reason=matching.order_reason,
        weirds=[weird_json(weird) for weird in weirds],
        partial=partial,
        related=related_json(matching, related),
        unproven_errors=_unproven_errors(matching, quotes),
        related_by_timing=[_timed(matching, found) for found in timed],
    )


def _timed(matching: Matching, found: Timed) -> out.TimedJson:
    front, back = texts_of(matching, found)
    return out.TimedJson(
        front=front,
        back=back,
        front_point=matching.points[found.front_point].name,
        back_point=matching.points[found.back_point].name,
        exchanges=found.exchanges,
        forward_ns=found.forward_ns,
        return_ns=found.return_ns,
        chance=found.chance,
        tried=found.tried,
        front_frame=found.front_row + 1,
        back_frame=found.back_row + 1,
    )


def _unproven_errors(matching: Matching, quotes: Sequence[Quote]) -> list[out.UnprovenJson]:
    """One row a hop and connection, in order of the hops and of the first packet that is quoted."""
    of: dict[tuple[int, int], list[Quote]] = {}
    for quote in quotes:
        hop = matching.hops[quote.hop]
        if hop.fate[quote.row] == fates.UNPROVEN:
            group = int(matching.points[hop.upstream].group_of[quote.row])
            of.setdefault((quote.hop, group), []).append(quote)
    return [
        out.UnprovenJson(
            from_=matching.points[matching.hops[number].upstream].name,
            to=matching.points[matching.hops[number].downstream].name,
            connection=_client_first(matching, matching.hops[number].upstream, np.array([group], np.int32))[
                0
            ],
            direction=DIRECTIONS[matching.hops[number].direction],
            icmp_errors=[_icmp_error(matching, quote) for quote in alike],
        )
        for (number, group), alike in of.items()
    ]


def related_json(matching: Matching, related: Sequence[Related]) -> list[out.RelatedJson]:
    """Connections that others go on with, by number."""
    return [_related(matching, found) for found in related]


def _related(matching: Matching, found: Related) -> out.RelatedJson:
    front, back = texts_of(matching, found)
    return out.RelatedJson(
        front=front,
        back=back,
        front_point=matching.points[found.front_point].name,
        back_point=matching.points[found.back_point].name,
        exchanges=found.exchanges,
        same_bytes=found.same_bytes,
        front_wait_ns=found.front_wait_ns,
        back_wait_ns=found.back_wait_ns,
        front_frame=found.front_row + 1,
        back_frame=found.back_row + 1,
        clock_ahead_ns=found.clock_ahead_ns,
    )


def points_json(matching: Matching) -> list[out.PointJson]:
    """All points, in the matching's order."""
    return [
        out.PointJson(
            name=point.name,
            file=point.file,
            order=order,
            packets=int(point.packets),
            clock_offset_ns=int(offset),
            node=point.node,
            interface=point.interface,
        )
        for point, order, offset in zip(matching.points, matching.order, matching.offsets_ns, strict=True)
    ]


def hops_json(matching: Matching) -> list[out.HopJson]:
    """The counts of every hop, in the matching's order."""
    delays = sum(len(hop.delays_ns) for hop in matching.hops)
    return side_by_side(partial(_hop, matching), matching.hops, rows=delays)


def _hop(matching: Matching, hop: Hop) -> out.HopJson:
    counts = [hop.count(fate) for fate in range(len(fates.FATES))]
    return out.HopJson(
        from_=matching.points[hop.upstream].name,
        to=matching.points[hop.downstream].name,
        direction=DIRECTIONS[hop.direction],
        sent=sum(counts[1:]),
        delivered=counts[fates.DELIVERED],
        lost=counts[fates.LOST],
        unproven=counts[fates.UNPROVEN],
        outside=counts[fates.OUTSIDE],
        rewritten=hop.rewritten_packets,
        merged=counts[fates.MERGED],
        split=counts[fates.SPLIT],
        reordered=hop.reordered,
        duplicated=counts[fates.DUPLICATED],
        delay_ns=_delay(hop.delays_ns),
        injected=hop.injected,
        rewritten_fields=dict(hop.rewritten),
    )


def _delay(delays_ns: npt.NDArray[np.int64]) -> out.DelayJson:
    """Nearest ranks, so that each is a delay that occurred and no float rounds it."""
    if not len(delays_ns):
        return out.DelayJson(p50=None, p99=None)
    ranks = [(len(delays_ns) - 1) * percent // 100 for percent in (50, 99)]
    p50, p99 = np.partition(delays_ns, ranks)[ranks].tolist()
    return out.DelayJson(p50=p50, p99=p99)


def losses_at_hops(matching: Matching, quotes: Sequence[Quote]) -> list[out.LossJson]:
    """What was certainly lost, one row a connection, direction and hop."""
    return [
        row
        for number, hop in enumerate(matching.hops)
        for row in _losses_at(matching, hop, {quote.row: quote for quote in quotes if quote.hop == number})
    ]


def _losses_at(matching: Matching, hop: Hop, quotes: dict[int, Quote]) -> list[out.LossJson]:
    """One row a connection of the hop, in order of their first lost packet. `quotes`: by that packet's row."""
    point, lost = matching.points[hop.upstream], hop.rows(fates.LOST)
    if not len(lost):
        return []
    groups, first, member = np.unique(point.group_of[lost], return_index=True, return_inverse=True)
    rows_of = np.split(lost[np.argsort(member, kind="stable")], np.cumsum(np.bincount(member))[:-1])
    payload = np.bincount(member, weights=point.capture.packets[lost, LENGTH_FLAGS] >> 8).astype(np.int64)
    unproven = np.bincount(point.group_of[hop.rows(fates.UNPROVEN)] + 1, minlength=int(groups.max()) + 2)
    texts = _client_first(matching, hop.upstream, groups)
    return [
        out.LossJson(
            from_=point.name,
            to=matching.points[hop.downstream].name,
            connection=texts[i],
            direction=DIRECTIONS[hop.direction],
            packets=len(rows_of[i]),
            unproven=int(unproven[groups[i] + 1]),
            bytes=int(payload[i]),
            frames=(rows_of[i] + 1).tolist(),
            icmp_errors=[
                _icmp_error(matching, quotes[row])
                for row in (rows_of[i].tolist() if quotes else ())
                if row in quotes
            ],
        )
        for i in np.argsort(first, kind="stable").tolist()
    ]


def _icmp_error(matching: Matching, quote: Quote) -> out.IcmpErrorJson:
    point = matching.points[quote.point]
    flow = int(point.capture.packets[quote.error_row, FLOW])
    return out.IcmpErrorJson(
        frame=quote.row + 1,
        by=flow_text.endpoint_text(point.capture.flows[flow >> 1], flow & 1),
        point=point.name,
        point_frame=quote.error_row + 1,
        protocol="icmp" if quote.ip_version == IPV4 else "icmpv6",
        type=quote.type,
        code=quote.code,
        mtu=quote.mtu,
        text=meaning(quote.ip_version, quote.type, quote.code, quote.mtu),
    )


def _client_first(matching: Matching, point: int, groups: npt.NDArray[np.int32]) -> list[str]:
    """The groups' connection texts as seen at a point, the conversation's originator first."""
    at_point = matching.conversations.group[:, point]
    turned = at_point[matching.conversations.flipped[:, point] & (at_point >= 0)]
    flipped = np.isin(groups, turned).tolist()
    return flow_text.group_texts(matching.points[point], groups.tolist(), flipped)


def connections_json(
    points: Sequence[Point], *, weirds: Sequence[Weird] = (), partial: bool = False
) -> out.ConnectionsJson:
    """One row a TCP connection of every point, made column by column: 100,000 take a fraction of a second."""
    return out.ConnectionsJson(
        schema="lastseen.connections/1",
        connections=[row for point in _one_a_capture(points) for row in _connections_of(point)],
        weirds=[weird_json(weird) for weird in weirds],
        partial=partial,
    )


def _one_a_capture(points: Sequence[Point]) -> list[Point]:
    """The first point of each capture: those of its other interfaces have the same table."""
    return list({point.file: point for point in reversed(points)}.values())[::-1]


def _connections_of(point: Point) -> list[out.ConnectionJson]:
    table = point.connections
    flows, originator = point.capture.flows[table["flow"]], table["originator"].astype(np.int64)
    stalls: list[str | None] = [name or None for name in STALLS]
    return list(
        map(
            out.ConnectionJson,
            [point.file] * len(table),
            flow_text.endpoint_texts(flows, originator),
            flow_text.endpoint_texts(flows, 1 - originator),
            table["start_ns"].tolist(),
            (table["end_ns"] - table["start_ns"]).tolist(),
            *(_pairs(table[name]) for name in PAIRS),
            [STATES[state] for state in table["state"].tolist()],
            [letters.decode("ascii", "replace") for letters in table["history"].tolist()],
            table["longest_gap_ns"].tolist(),
            [stalls[stall] for stall in table["stall"].tolist()],
            flow_text.tunnel_texts(flows),
            table["stall_ns"].tolist(),
        )
    )


def _pairs(column: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    """The rows of int64[n, 2] as tuples: half the time of lists, and nothing for the garbage collector to trace."""
    pair = np.dtype([("a", np.int64), ("b", np.int64)])
    return cast("list[tuple[int, int]]", np.ascontiguousarray(column).view(pair).ravel().tolist())


def source_json(source: Source | None) -> out.SourceJson | None:
    """A place in the evidence."""
    if source is None:
        return None
    if source.line is not None:
        return out.SourceJson(file=source.file, line=source.line)
    return out.SourceJson(file=source.file, frame=msgspec.UNSET if source.frame is None else source.frame)


def weird_json(weird: Weird) -> out.WeirdJson:
    """One piece of evidence that could not be read as expected."""
    return out.WeirdJson(
        file=weird.file,
        offset=msgspec.UNSET if weird.offset is None else weird.offset,
        line=msgspec.UNSET if weird.line is None else weird.line,
        reason=weird.reason,
        count=weird.count,
    )


def _plain_number(value: object) -> object:
    """NumPy's scalars as Python's."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(type(value))


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return [_without_surrogates(item) for item in value] if isinstance(value, list | tuple) else value
