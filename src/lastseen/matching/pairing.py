"""Pair the packets of two points: exactly where nothing was merged, by byte coverage where offload did.

Most packets come in the same order at both points, so the two lists are walked in lockstep with a short
look-ahead; only what that leaves over is hashed. Then what the key cannot tell apart is paired by time, and what
is left with a payload by the bytes it covers.
"""

from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lastseen.compiled import FETCHED_AHEAD, fetch_ahead, kernel, side_by_side, step_kernel
from lastseen.matching.coverage import cover_all, left_over
from lastseen.matching.datagrams import cover_datagrams
from lastseen.matching.grouping import Grouped
from lastseen.matching.pairs import EVEN, EXACT, IN_ORDER, REPEATED, TWIN, Paired, Pairing
from lastseen.matching.renumbered import renumbered_sides, without_identifications
from lastseen.matching.shifts import usual_shifts, with_common_senders
from lastseen.matching.sightings import BY_ID, SAME_MOMENT_NS, hash_of, is_unique, same, time_of
from lastseen.matching.twins import doubt_twins, join_again, part_unlikely, settle_twins
from lastseen.tables.packets import LENGTH_FLAGS, MISC
from lastseen.tables.points import Conversations

__all__ = ["PARTS", "in_parts", "pair_points", "shared_sides"]

LOOK_AHEAD: Final = 16
"""Reordering inside this many packets is met by the walk itself; farther ones are hashed."""
LOOK_BACK: Final = 64
"""How many packets back a copy's original is looked for; the network may keep a copy back for a while."""

PARTS: Final = 2
"""Threads that share the conversations of two points: memory is the limit with more."""

_PADDING: Final = 0xFF
"""The bits of MISC that hold how many bytes of padding a packet has."""
_FAR: Final = 1 << 62
"""More than any time between two packets (the reader keeps times within it)."""

Int64s = npt.NDArray[np.int64]


@step_kernel
def _lockstep(packets_p: Any, a: Any, packets_q: Any, b: Any, partner_p: Any, partner_q: Any) -> Any:
    """Walk both lists; pair what is the same within the look-ahead.

    Returns how many were paired, whether all in the same order, and the least and largest time between them.
    """
    j, paired, moved = 0, 0, 0
    least, largest = np.int64(_FAR), np.int64(-_FAR)
    for i in range(a.size):
        fetch_ahead(packets_p, a[min(i + FETCHED_AHEAD, a.size - 1)])
        while j < b.size and partner_q[b[j]] >= 0:
            j += 1
        if j < b.size:
            fetch_ahead(packets_q, b[min(j + FETCHED_AHEAD, b.size - 1)])
        row = packets_p[a[i]]
        for k in range(j, min(j + LOOK_AHEAD, b.size)):
            if partner_q[b[k]] < 0 and same(row, packets_q[b[k]]):
                partner_p[a[i]], partner_q[b[k]] = b[k], a[i]
                travel = time_of(packets_q[b[k]]) - time_of(row)
                least, largest = min(least, travel), max(largest, travel)
                moved |= i ^ k
                paired += 1
                break
    return paired, moved == 0, least, largest


@kernel
def _hash_left(packets_p: Any, a: Any, packets_q: Any, b: Any, partner_p: Any, partner_q: Any) -> None:
    """Pair what the walk left over, wherever it stands; equal keys in their order."""
    size = 2
    while size < 2 * b.size:
        size *= 2
    places = np.full(size, -1, np.int64)
    mask = np.uint64(size - 1)
    for k in range(b.size):
        place = hash_of(packets_q[b[k]], BY_ID) & mask
        while places[place] >= 0:
            place = (place + np.uint64(1)) & mask
        places[place] = b[k]
    for i in range(a.size):
        row = packets_p[a[i]]
        place = hash_of(row, BY_ID) & mask
        while places[place] >= 0:
            other = places[place]
            if partner_q[other] < 0 and same(row, packets_q[other]):
                partner_p[a[i]], partner_q[other] = other, a[i]
                break
            place = (place + np.uint64(1)) & mask


@kernel
def _padded(packets: Any, rows: Any, partner: Any) -> Any:
    """Those of `rows` without a partner that have padding and that no other packet can be taken for."""
    count = 0
    found = np.empty(rows.size, np.int64)
    for row in rows:
        if partner[row] < 0 and packets[row, MISC] & _PADDING and is_unique(packets[row]):
            found[count] = row
            count += 1
    return found[:count]


@kernel
def _pair_lengthened(packets_p: Any, a: Any, packets_q: Any, b: Any, partner_p: Any, partner_q: Any) -> None:
    """Pair packets of p whose padding has become part of them at q: some data planes write the IP length so."""
    padded = _padded(packets_p, a, partner_p)
    if padded.size == 0 or b.size == 0:
        return
    longer, partner = packets_p[padded], np.full(padded.size, -1, np.int32)
    for k in range(padded.size):
        longer[k, LENGTH_FLAGS] += (longer[k, MISC] & _PADDING) << 8
    _hash_left(longer, np.arange(padded.size), packets_q, b, partner, partner_q)
    for k in range(padded.size):
        if partner[k] >= 0:
            partner_p[padded[k]], partner_q[partner[k]] = partner[k], padded[k]


@kernel
def _pair_all(
    packets_p: Any, packets_q: Any, sides: Any, rows_p: Any, starts_p: Any, rows_q: Any, starts_q: Any,
    partner_p: Any, partner_q: Any, in_step_p: Any, in_step_q: Any, span_p: Any, span_q: Any,
) -> Any:  # fmt: skip
    """Exact pairs of every conversation side; bool[k]: where some packets are left over."""
    uneven = np.zeros(sides.shape[0], np.bool_)
    for k in range(sides.shape[0]):
        p, q = sides[k, 0], sides[k, 1]
        a, b = rows_p[starts_p[p] : starts_p[p + 1]], rows_q[starts_q[q] : starts_q[q + 1]]
        paired, ordered, least, largest = _lockstep(packets_p, a, packets_q, b, partner_p, partner_q)
        if paired < a.size or paired < b.size:
            uneven[k] = True
            left_a, left_b = left_over(a, partner_p), left_over(b, partner_q)
            if left_a.size and left_b.size:
                _hash_left(packets_p, left_a, packets_q, left_b, partner_p, partner_q)
                _pair_lengthened(packets_p, left_a, packets_q, left_b, partner_p, partner_q)
                _pair_lengthened(packets_q, left_b, packets_p, left_a, partner_q, partner_p)
        else:
            in_step_p[p] = in_step_q[q] = IN_ORDER if ordered else EVEN
            span_p[p, 0], span_p[p, 1] = least, largest
            span_q[q, 0], span_q[q, 1] = -largest, -least
    return uneven


@step_kernel
def _mark_repeats(packets: Any, rows: Any, starts: Any, partner: Any, how: Any, in_step: Any) -> None:
    """A packet without partner that is the same, IP id included, as one shortly before: seen twice at this point.

    Without an IP id the two must have come at the same moment; then the one that has a partner may also be the later.
    """
    for side in range(starts.size - 1):
        for i in range(starts[side], starts[side] if in_step[side] else starts[side + 1]):
            row = rows[i]
            if partner[row] >= 0:
                continue
            unique, time = is_unique(packets[row]), time_of(packets[row])
            for k in range(max(starts[side], i - LOOK_BACK), min(i + LOOK_AHEAD, starts[side + 1])):
                other = rows[k]
                is_other = k < i or (k > i and partner[other] >= 0)
                is_then = unique or abs(time - time_of(packets[other])) <= SAME_MOMENT_NS
                if is_other and is_then and same(packets[row], packets[other]):
                    how[row] = REPEATED
                    break


def pair_points(grouped: tuple[Grouped, Grouped], both: Conversations) -> Pairing:
    """Pair the packets of the conversations two points share; `both` has exactly their two columns."""
    rows = sum(len(point.packets) for point in grouped)
    p, q = side_by_side(_unpaired, grouped, rows=rows, threads=PARTS)
    sides = shared_sides(both)
    is_uneven = _pair_in_parts(grouped, sides, p, q)
    uneven = sides[is_uneven]
    renumbered = renumbered_sides(grouped, uneven, (p.partner, q.partner)) if len(uneven) else uneven
    if len(renumbered):
        grouped = _pair_renumbered(grouped, renumbered, p, q)
    _say_how(grouped, uneven, p, q)
    if len(uneven):
        sides = with_common_senders(grouped, sides, p)
        uneven = sides[is_uneven]
    parted = _pair_by_time(grouped, sides, uneven, (p, q))
    side_by_side(_mark_repeats_of, grouped, (p, q), rows=rows, threads=PARTS)
    _pair_by_bytes(grouped, sides, uneven, (p, q))
    join_again(parted, p.partner, q.partner, p.how, q.how)
    return Pairing(p=p, q=q, only_twins=bool((p.how == TWIN).any() and not (p.how == EXACT).any()))


def _mark_repeats_of(point: Grouped, paired: Paired) -> None:
    _mark_repeats(point.packets, point.rows, point.starts, paired.partner, paired.how, paired.in_step)


def _pair_by_time(
    grouped: tuple[Grouped, Grouped], sides: Int64s, uneven: Int64s, paired: tuple[Paired, Paired]
) -> Int64s:
    """Pair twins anew where one of them is left over; int64[k, 2]: see `part_unlikely`."""
    (p, q), packets = paired, (grouped[0].packets, grouped[1].packets)
    lists = (grouped[0].rows, grouped[0].starts, grouped[1].rows, grouped[1].starts)
    if _any_lone(packets[0], uneven, *lists[:2], p.partner, 0) or _any_lone(
        packets[1], uneven, *lists[2:], q.partner, 1
    ):
        shifts, _ = usual_shifts(grouped, sides, p)
        back = np.ascontiguousarray(uneven[:, [1, 0, 2]])
        settle_twins(*packets, uneven, *lists, shifts, p.partner, q.partner)
        settle_twins(*packets[::-1], back, *lists[2:], *lists[:2], -shifts, q.partner, p.partner)
        _say_how(grouped, uneven, p, q)
    return np.asarray(part_unlikely(*packets, uneven, *lists[:2], p.partner, q.partner, p.how, q.how))


def _pair_by_bytes(
    grouped: tuple[Grouped, Grouped], sides: Int64s, uneven: Int64s, paired: tuple[Paired, Paired]
) -> None:
    """Pair by the bytes they cover what is left of TCP, and of datagrams."""
    (p, q), packets = paired, (grouped[0].packets, grouped[1].packets)
    lists = (grouped[0].rows, grouped[0].starts, grouped[1].rows, grouped[1].starts)
    is_tcp = uneven[:, 0] < 2 * grouped[0].connections
    found = (p.partner, q.partner, p.how, q.how)
    if is_tcp.any():
        shifts, known = usual_shifts(grouped, uneven, p)
        if not known.all():
            shifts, known = usual_shifts(grouped, sides, p)
        cover_all(*packets, uneven[is_tcp], *lists, shifts, known, *found)
    if not is_tcp.all():
        digests = grouped[0].has_digests and grouped[1].has_digests
        cover_datagrams(*packets, uneven[~is_tcp], *lists, *usual_shifts(grouped, sides, p), digests, *found)


def _pair_renumbered(
    grouped: tuple[Grouped, Grouped], sides: Int64s, p: Paired, q: Paired
) -> tuple[Grouped, Grouped]:
    """Pair these sides anew without identifications; the packets as that leaves them."""
    first, second = (without_identifications(grouped[k], sides[:, k]) for k in (0, 1))
    for point, paired, column in ((first, p, 0), (second, q, 1)):
        for side in sides[:, column].tolist():
            paired.partner[point.rows[point.starts[side] : point.starts[side + 1]]] = -1
    _pair_in_parts((first, second), sides, p, q)
    return first, second


def _say_how(grouped: tuple[Grouped, Grouped], uneven: Int64s, p: Paired, q: Paired) -> None:
    """Set `how` of all packets: EXACT or, on sides of which some packets are left over, TWIN; else NONE."""
    for point in (p, q):
        np.greater_equal(point.partner, 0, out=point.how, casting="unsafe")  # 1: EXACT
    first, second = grouped
    doubt_twins(
        first.packets, second.packets, uneven, first.rows, first.starts, second.rows, second.starts,
        p.partner, p.how, q.how,
    )  # fmt: skip


def _unpaired(grouped: Grouped) -> Paired:
    """Nothing is paired yet."""
    sides, packets = len(grouped.starts) - 1, len(grouped.packets)
    span = np.empty((sides, 2), np.int64)
    span[:] = _FAR, -_FAR
    return Paired(
        partner=np.full(packets, -1, np.int32),
        how=np.empty(packets, np.uint8),
        in_step=np.zeros(sides, np.uint8),
        span=span,
    )


def _pair_in_parts(
    grouped: tuple[Grouped, Grouped], sides: Int64s, p: Paired, q: Paired
) -> npt.NDArray[np.bool_]:
    """The exact pairs of all sides, a thread a part: no two sides share a packet. bool[k]: some are left over."""
    first, second = grouped
    pair = partial(_pair_all, first.packets, second.packets)
    rest = (first.rows, first.starts, second.rows, second.starts)
    found = (p.partner, q.partner, p.in_step, q.in_step, p.span, q.span)
    rows = len(first.packets) + len(second.packets)
    return np.concatenate(
        side_by_side(lambda part: pair(part, *rest, *found), in_parts(sides), rows=rows, threads=PARTS)
    )


def in_parts(sides: Int64s) -> list[Int64s]:
    """The sides in PARTS parts, one for each thread."""
    return np.array_split(sides, PARTS)


def shared_sides(both: Conversations) -> Int64s:
    """int64[2 k, 3]: for each shared conversation and sender, its places in the two `starts`, and the sender."""
    shared = np.flatnonzero((both.group >= 0).all(axis=1))
    group = both.group[shared].astype(np.int64)
    flip = both.flipped[shared].astype(np.int64)
    sides = np.empty((2 * len(shared), 3), np.int64)
    for sender in (0, 1):
        sides[sender::2, :2] = 2 * group + (flip ^ sender)
        sides[sender::2, 2] = sender
    return sides


@step_kernel
def _any_lone(packets: Any, sides: Any, rows: Any, starts: Any, partner: Any, column: Any) -> Any:
    """Whether any packet without an IP id has no partner: only then time has anything to decide."""
    for k in range(sides.shape[0]):
        for i in range(starts[sides[k, column]], starts[sides[k, column] + 1]):
            if partner[rows[i]] < 0 and not is_unique(packets[rows[i]]):
                return True
    return False
