"""Where packets were lost, with the details of those lost and of those that got through."""

from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.contrasts import mine, surroundings
from lastseen.contrasts.tracked_window import tracked_windows
from lastseen.diagnosis.surroundings import before
from lastseen.faults.facts import LossSite
from lastseen.faults.tracks import Details
from lastseen.tables.connections import STALL_NS
from lastseen.tables.details import COLUMNS, DetailRows, column
from lastseen.tables.packets import FLAGS, LENGTH_FLAGS, SEQ
from lastseen.tables.points import DELIVERED, LOST, MERGED, SPLIT, UNPROVEN, Hop, Matching, Point

__all__ = ["loss_sites"]

SAMPLE: Final = 20_000
"""Packets of a kind whose details are read: more would not change a contrast, and each is read from the file."""

HEAVY_RATIO: Final = 0.1
"""Of the packets of a direction that have to arrive: from here on loss is no mishap, even if all of it is repaired in
time. The window TCP keeps at a loss ratio p is about sqrt(2/p) packets (Mathis et al., CCR 1997), 4 to 5 at 10 %: below
that fast retransmit lacks its three duplicate acknowledgments (RFC 5681, 3.2), and each loss costs a timeout."""
FEWEST_HEAVY: Final = 5
"""Fewer lost packets are no ratio: three of a first window of ten (RFC 6928) may be lost once and never again."""

_WINDOW: Final = COLUMNS.index("tracked_window")
_USES_SEQUENCE: Final = FLAGS["F"] | FLAGS["S"]


def loss_sites(matching: Matching, details: Details, focus: frozenset[int]) -> tuple[LossSite, ...]:
    """Hops with lost (or unproven) packets of the conversations in `focus`, worst first."""
    sites = []
    for number, hop in enumerate(matching.hops):
        lost, unproven = (
            _in_focus(matching, hop, hop.rows(LOST), focus),
            _in_focus(matching, hop, hop.rows(UNPROVEN), focus),
        )
        if len(lost) or len(unproven):
            sites.append(_site(matching, number, lost, unproven, details=details))
    return tuple(
        sorted(sites, key=lambda s: (not s.material, -len(s.lost_rows), -len(s.unproven_rows), s.number))
    )


def conversation_of(matching: Matching, point: int) -> npt.NDArray[np.int32]:
    """int32[groups + 1]: conversation of each group at a point; the last entry (group -1) is -1."""
    mine = matching.conversations.group[:, point]
    result = np.full((int(mine.max()) if len(mine) else -1) + 2, -1, np.int32)
    present = np.flatnonzero(mine >= 0)
    result[mine[present]] = present
    result[-1] = -1
    return result


def _conversations(matching: Matching, hop: Hop, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """int32[k]: conversation of each row of the hop's upstream point."""
    return conversation_of(matching, hop.upstream)[matching.points[hop.upstream].group_of[rows]]


def _in_focus(
    matching: Matching, hop: Hop, rows: npt.NDArray[np.int64], focus: frozenset[int]
) -> npt.NDArray[np.int64]:
    if not len(rows):
        return rows
    return rows[np.isin(_conversations(matching, hop, rows), np.array(sorted(focus), np.int32))]


def _site(
    matching: Matching,
    number: int,
    lost: npt.NDArray[np.int64],
    unproven: npt.NDArray[np.int64],
    *,
    details: Details,
) -> LossSite:
    hop = matching.hops[number]
    upstream, downstream = matching.points[hop.upstream], matching.points[hop.downstream]
    affected = np.unique(_conversations(matching, hop, np.concatenate([lost, unproven])))
    arrived = np.flatnonzero(np.isin(hop.fate, (DELIVERED, MERGED, SPLIT)))
    arrived = arrived[np.isin(_conversations(matching, hop, arrived), affected)] if len(arrived) else arrived
    lost_details, delivered_details = _details_of(upstream, (_sample(lost), _sample(arrived)), details)
    return LossSite(
        number=number,
        hop=hop,
        upstream=upstream,
        downstream=downstream,
        node=_common_node(upstream, downstream),
        lost_rows=lost,
        unproven_rows=unproven,
        lost=lost_details,
        delivered=delivered_details,
        delivered_rows=arrived,
        contrasts=mine(lost_details, delivered_details, hop=number),
        surroundings=surroundings(before(upstream, lost), before(upstream, arrived), hop=number),
        conversations=frozenset(affected.tolist()),
        material=_is_material(matching, hop, lost, affected)
        or _is_heavy(upstream, lost, arrived, lost_details=lost_details, delivered_details=delivered_details),
    )


def _details_of(
    point: Point, samples: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]], details: Details
) -> tuple[DetailRows, DetailRows]:
    """Details of lost and of delivered packets, with where each lies to the window of its connection."""
    lost, arrived = (details(point.capture, rows) for rows in samples)
    windows = tracked_windows(point, np.concatenate(samples))
    lost[:, _WINDOW], arrived[:, _WINDOW] = windows[: len(lost)], windows[len(lost) :]
    return lost, arrived


def _common_node(upstream: Point, downstream: Point) -> str | None:
    """The node both points are on.

    Two points without any node are on the unnamed one only if its own texts know their interfaces; bare captures may
    come from anywhere.
    """
    if upstream.node != downstream.node:
        return None
    return upstream.node if upstream.node or (upstream.interface and downstream.interface) else None


def _sample(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """At most SAMPLE rows, evenly spread."""
    if len(rows) <= SAMPLE:
        return rows
    return rows[np.linspace(0, len(rows) - 1, SAMPLE).astype(np.int64)]


def _is_material(
    matching: Matching, hop: Hop, lost: npt.NDArray[np.int64], affected: npt.NDArray[np.int32]
) -> bool:
    """Whether anything lost here was not repaired in time, or a connection it belongs to stalled on either side.

    A refusal that never arrives keeps waiting only those whom it did not reach.
    """
    if not len(lost):
        return False
    if any(_stalled(matching, number, affected) for number in (hop.upstream, hop.downstream)):
        return True
    return not _all_repaired(matching, hop, lost)


def _stalled(matching: Matching, number: int, conversations: npt.NDArray[np.int32]) -> bool:
    """Whether one of these TCP connections stood still at a point."""
    table = matching.points[number].connections
    groups = matching.conversations.group[conversations, number]
    tcp = groups[(groups >= 0) & (groups < len(table))]
    return bool((table["stall_ns"][tcp] >= STALL_NS).any())


def _all_repaired(matching: Matching, hop: Hop, lost: npt.NDArray[np.int64]) -> bool:
    """Whether every lost packet that uses sequence space was delivered again within STALL_NS, whole or in smaller ones.

    Smaller segments carry the same bytes again where path MTU discovery did its work. Acknowledgments and resets that
    were lost without anybody waiting did no harm.
    """
    point = matching.points[hop.upstream]
    times = point.capture.times_ns()
    uses = _using_sequence(point, lost)
    arrived = np.flatnonzero(np.isin(hop.fate, (DELIVERED, MERGED, SPLIT)))
    places = _place_in_stream(point, arrived)
    order = np.argsort(places, kind="stable")
    arrived, places = arrived[order], places[order]
    ends = places + _length(point, arrived)
    reach = int(_length(point, arrived).max(initial=0))
    for row, start in zip(uses.tolist(), _place_in_stream(point, uses).tolist(), strict=True):
        near = slice(np.searchsorted(places, start - reach), np.searchsorted(places, start, side="right"))
        later = times[arrived[near]] - times[row]
        if not ((ends[near] > start) & (later <= STALL_NS)).any():
            return False
    return True


def _is_heavy(
    point: Point,
    lost: npt.NDArray[np.int64],
    arrived: npt.NDArray[np.int64],
    *,
    lost_details: DetailRows,
    delivered_details: DetailRows,
) -> bool:
    """Whether so many of the packets that have to arrive were lost that repair does not make it a mishap.

    Where everything lost is larger than everything that passed, the path's MTU was found out, as it should be.
    """
    gone, passed = len(_using_sequence(point, lost)), len(_using_sequence(point, arrived))
    if gone < FEWEST_HEAVY or not passed or gone < HEAVY_RATIO * (gone + passed):
        return False
    smallest, largest = column(lost_details, "ip_len").min(), column(delivered_details, "ip_len").max()
    return bool(smallest <= largest)


def _using_sequence(point: Point, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """int64[k]: those of these rows that are sent again until they arrive: data, SYN and FIN."""
    words = point.capture.packets[rows, LENGTH_FLAGS]
    using: npt.NDArray[np.int64] = rows[((words >> 8) > 0) | ((words & _USES_SEQUENCE) > 0)]
    return using


def _place_in_stream(point: Point, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """int64[k]: group and sequence number as one number, so that what covers a byte is found by order."""
    group, seq = point.group_of[rows].astype(np.int64), point.capture.packets[rows, SEQ].astype(np.int64)
    places: npt.NDArray[np.int64] = (group << 32) | seq
    return places


def _length(point: Point, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """int64[k]: sequence numbers a packet uses, at least one (SYN and FIN use one)."""
    lengths: npt.NDArray[np.int64] = np.maximum(
        (point.capture.packets[rows, LENGTH_FLAGS] >> 8).astype(np.int64), 1
    )
    return lengths
