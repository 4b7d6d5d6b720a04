"""Packets of one sender with the same numbers and no identification: which of them was seen where, only time tells.

That is bare acknowledgments, keep-alives and repetitions over IPv6 or with the identification 0, empty datagrams.
"""

from typing import Any, Final

import numpy as np

from lastseen.compiled import kernel, packet_kernel
from lastseen.matching.conversations import nearest_in_order
from lastseen.matching.coverage import NEARBY_NS
from lastseen.matching.pairs import EXACT, NONE, TWIN
from lastseen.matching.sightings import SAME_MOMENT_NS, alike, hash_of, have_ids_alike, is_unique, time_of

__all__ = ["doubt_twins", "join_again", "part_unlikely", "settle_twins"]

NEAR: Final = 512
"""How far around a packet its identical twins are sought: retransmissions come in runs, not across megabytes."""

_FAR: Final = np.int64(1 << 62)
"""More than any time between two packets."""

_SETTLED: Final = -2
"""Instead of a partner, while twins are settled: this one has none, and its twins need not be looked at again."""


@kernel
def _by_id(packets_p: Any, a: Any, packets_q: Any, partner: Any) -> Any:
    """Whether identifications tell twins apart: they can be compared in all pairs of a side."""
    result = True
    for row in a:
        result &= partner[row] < 0 or have_ids_alike(packets_p[row], packets_q[partner[row]])
    return result


@kernel
def _twins(packets: Any, rows: Any, row: Any, by_id: Any) -> Any:
    """Those of `rows` that are as packet row `row`, as places in `rows`."""
    found = np.empty(rows.size, np.int64)
    count = 0
    for k in range(rows.size):
        if alike(packets[rows[k]], row, by_id):
            found[count] = k
            count += 1
    return found[:count]


@kernel
def _by_time(
    packets_p: Any, a: Any, packets_q: Any, b: Any, shift: Any, partner_p: Any, partner_q: Any
) -> None:
    """Pair twins again in order of aligned time; `b`, the fewer, choose, each the nearest that leaves enough."""
    a_times, b_times = np.empty(a.size, np.int64), np.empty(b.size, np.int64)
    for k in range(a.size):
        partner_p[a[k]] = -1
        a_times[k] = time_of(packets_p[a[k]])
    for k in range(b.size):
        partner_q[b[k]] = -1
        b_times[k] = time_of(packets_q[b[k]])
    picks = nearest_in_order(b_times, a_times, -shift)
    for k in range(picks.size):
        partner_p[a[picks[k]]], partner_q[b[k]] = b[k], a[picks[k]]


@kernel
def _first_of_copies(packets: Any, rows: Any) -> Any:
    """Those of twins in order of time that did not come at the same moment as the one before them."""
    kept = np.empty_like(rows)
    count = 0
    for k in range(rows.size):
        time = time_of(packets[rows[k]])
        if count == 0 or time - time_of(packets[kept[count - 1]]) > SAME_MOMENT_NS:
            kept[count] = rows[k]
            count += 1
    return kept[:count]


@kernel
def _settle(
    packets_p: Any, a: Any, packets_q: Any, b: Any, shift: Any, partner_p: Any, partner_q: Any
) -> None:
    """Pair twins, of which q has the fewer, again by time.

    Copies that one point stamped at the same moment are one packet where the other point has no such copies.
    """
    first = _first_of_copies(packets_p, a)
    if first.size < a.size and _first_of_copies(packets_q, b).size == b.size:
        for row in a:
            partner_p[row] = -1
        a = first
    if b.size <= a.size:
        _by_time(packets_p, a, packets_q, b, shift, partner_p, partner_q)
    else:
        _by_time(packets_q, b, packets_p, a, -shift, partner_q, partner_p)


@packet_kernel
def _place(packets: Any, rows: Any, row: Any) -> Any:
    """How many of the rows, which are in order of time, come before packet row `row`."""
    low, high, time = 0, rows.size, time_of(packets[row])
    while low < high:
        middle = (low + high) // 2
        if time_of(packets[rows[middle]]) < time:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def settle_twins(
    packets_p: Any, packets_q: Any, sides: Any, rows_p: Any, starts_p: Any, rows_q: Any, starts_q: Any, shifts: Any,
    partner_p: Any, partner_q: Any,
) -> None:  # fmt: skip
    """Where a packet of p without an IP id has no partner but its twin has: which of them was it? Time decides."""
    for k in range(sides.shape[0]):
        a = rows_p[starts_p[sides[k, 0]] : starts_p[sides[k, 0] + 1]]
        b = rows_q[starts_q[sides[k, 1]] : starts_q[sides[k, 1] + 1]]
        anchor, by_id = np.int64(-1), _by_id(packets_p, a, packets_q, partner_p)
        for i in range(a.size):
            row = packets_p[a[i]]
            if partner_p[a[i]] >= 0:
                anchor = np.int64(partner_p[a[i]])
                continue
            if partner_p[a[i]] == _SETTLED or (by_id and is_unique(row)):
                continue
            near_a = a[max(0, i - NEAR) : i + NEAR]
            twins_a = _twins(packets_p, near_a, row, by_id)
            middle = 0 if anchor < 0 else _place(packets_q, b, anchor)
            near_b = b[max(0, middle - NEAR) : middle + NEAR]
            if twins_a.size > 1:
                twins_b = _twins(packets_q, near_b, row, by_id)
                if 0 < twins_b.size < twins_a.size:
                    _settle(
                        packets_p, near_a[twins_a], packets_q, near_b[twins_b],
                        shifts[sides[k, 2]], partner_p, partner_q,
                    )  # fmt: skip
            for twin in twins_a:
                if partner_p[near_a[twin]] < 0:
                    partner_p[near_a[twin]] = _SETTLED
        for row in a:
            partner_p[row] = max(partner_p[row], -1)


@kernel
def _have_twins(packets: Any, rows: Any, by_id: Any) -> Any:
    """bool[n]: which of `rows`, in order of time, have another among them that nothing but time tells from them.

    Copies of one packet that a point stamped at the same moment are no twins.
    """
    doubtful = 0
    for row in rows:
        doubtful += not (by_id and is_unique(packets[row]))
    if doubtful <= 1:
        return np.zeros(rows.size, np.bool_)
    size = 2
    while size < 2 * doubtful:
        size *= 2
    table, mask = np.full(size, -1, np.int64), np.uint64(size - 1)
    first, last = np.arange(rows.size), np.arange(rows.size)
    for k in range(rows.size):
        row = packets[rows[k]]
        if by_id and is_unique(row):
            continue
        place = hash_of(row, by_id) & mask
        while table[place] >= 0 and not alike(row, packets[rows[table[place]]], by_id):
            place = (place + np.uint64(1)) & mask
        if table[place] < 0:
            table[place] = k
        first[k] = table[place]
        last[first[k]] = k
    twins = np.empty(rows.size, np.bool_)
    for k in range(rows.size):
        begin, end = first[k], last[first[k]]
        twins[k] = time_of(packets[rows[end]]) - time_of(packets[rows[begin]]) > SAME_MOMENT_NS
    return twins


@kernel
def doubt_twins(
    packets_p: Any, packets_q: Any, sides: Any, rows_p: Any, starts_p: Any, rows_q: Any, starts_q: Any,
    partner: Any, how_p: Any, how_q: Any,
) -> None:  # fmt: skip
    """Mark the pairs of these sides as TWIN where one of the two has a twin at its point.

    Where the sides have the same packets, in number, too, there is nothing to doubt: `sides` are the others.
    """
    for k in range(sides.shape[0]):
        a = rows_p[starts_p[sides[k, 0]] : starts_p[sides[k, 0] + 1]]
        b = rows_q[starts_q[sides[k, 1]] : starts_q[sides[k, 1] + 1]]
        by_id = _by_id(packets_p, a, packets_q, partner)
        at_p, at_q = _have_twins(packets_p, a, by_id), _have_twins(packets_q, b, by_id)
        for i in range(b.size):
            if at_q[i]:
                how_q[b[i]] = min(how_q[b[i]], 1) * TWIN
        for i in range(a.size):
            other = partner[a[i]]
            if other >= 0 and (at_p[i] or how_q[other] == TWIN):
                how_p[a[i]] = how_q[other] = TWIN


@packet_kernel
def _travel(packets_p: Any, row: Any, packets_q: Any, partner: Any) -> Any:
    """The time between a packet and its partner, clocks as they are."""
    return time_of(packets_q[partner[row]]) - time_of(packets_p[row])


@kernel
def part_unlikely(
    packets_p: Any, packets_q: Any, sides: Any, rows_p: Any, starts_p: Any, partner_p: Any, partner_q: Any,
    how_p: Any, how_q: Any,
) -> Any:  # fmt: skip
    """Part twins that would have overtaken their neighbours by far: int64[k, 2], their rows at p and at q.

    As many twins at both points are no proof that each arrived: a repetition of one may have been lost, and one more
    been made of another on the way. Clocks are compared by the packets before and behind that can be taken for no
    other; where there are none, nothing is parted.
    """
    count = 0
    for k in range(sides.shape[0]):
        for row in rows_p[starts_p[sides[k, 0]] : starts_p[sides[k, 0] + 1]]:
            count += how_p[row] == TWIN
    parted = np.empty((count, 2), np.int64)
    if count == 0:
        return parted
    count = 0
    for k in range(sides.shape[0]):
        a = rows_p[starts_p[sides[k, 0]] : starts_p[sides[k, 0] + 1]]
        before, behind = np.empty(a.size, np.int64), _FAR
        for i in range(a.size):
            if how_p[a[i]] == EXACT:
                behind = _travel(packets_p, a[i], packets_q, partner_p)
            before[i] = behind
        behind = _FAR
        for i in range(a.size - 1, -1, -1):
            row = a[i]
            if how_p[row] == EXACT:
                behind = _travel(packets_p, row, packets_q, partner_p)
            elif how_p[row] == TWIN and min(before[i], behind) < _FAR:
                one, other = min(before[i], behind), max(before[i], behind)
                travel = _travel(packets_p, row, packets_q, partner_p)
                if not one - NEARBY_NS <= travel <= (other if other < _FAR else one) + NEARBY_NS:
                    parted[count, 0], parted[count, 1] = row, partner_p[row]
                    partner_q[partner_p[row]] = partner_p[row] = -1
                    how_q[parted[count, 1]] = how_p[row] = NONE
                    count += 1
    return parted[:count]


@kernel
def join_again(parted: Any, partner_p: Any, partner_q: Any, how_p: Any, how_q: Any) -> None:
    """Pair again what `part_unlikely` parted, where nothing else was found for either of the two."""
    for k in range(parted.shape[0]):
        row, other = parted[k, 0], parted[k, 1]
        if how_p[row] == NONE and how_q[other] == NONE:
            partner_p[row], partner_q[other] = other, row
            how_p[row] = how_q[other] = TWIN
