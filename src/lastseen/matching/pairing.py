"""Pair the packets of two points: exactly where nothing was merged, by byte coverage where offload did.

Most packets come in the same order at both points, so the two lists are walked in lockstep with a short
look-ahead; only what that leaves over is hashed. Then what the key cannot tell apart is paired by time, and what
is left with a payload by the bytes it covers.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lastseen.compiled import kernel, packet_kernel, step_kernel
from lastseen.matching.conversations import nearest_in_order
from lastseen.matching.coverage import NEARBY_NS, cover_all, left_over, time_of
from lastseen.matching.grouping import Grouped
from lastseen.matching.pairs import EVEN, IN_ORDER, REPEATED, Paired, Pairing
from lastseen.tables.packets import (
    ACK,
    ID_WINDOW,
    INFO_IP_ID,
    INFO_TIMESTAMPS,
    LENGTH_FLAGS,
    MISC,
    SEQ,
)
from lastseen.tables.points import Conversations

__all__ = ["PARTS", "in_parts", "pair_points", "shared_sides"]

SAME_MOMENT_NS: Final = 50_000
"""Copies of one packet at a point (a mirror, two capture processes) are stamped within microseconds; hosts answer one
packet with another in tens of them at the least."""
LOOK_AHEAD: Final = 16
"""Reordering inside this many packets is met by the walk itself; farther ones are hashed."""
LOOK_BACK: Final = 64
"""How many packets back a copy's original is looked for; the network may keep a copy back for a while."""
SAMPLE: Final = 50_000
"""Packets a usual time is taken of: more would not move it by what matters here."""
NEAR: Final = 512
"""How far around a packet its identical twins are sought: retransmissions come in runs, not across megabytes."""

PARTS: Final = 2
"""Threads that share the conversations of two points: memory is the limit with more."""

_SETTLED: Final = -2
"""Instead of a partner, while twins are settled: this one has none, and its twins need not be looked at again."""
_FAR: Final = 1 << 62
"""More than any time between two packets (the reader keeps times within it)."""

Int64s = npt.NDArray[np.int64]


@packet_kernel
def _id(row: Any) -> Any:
    """What tells a packet from its twins: the identification of IPv4, the timestamp of TCP over IPv6; 0: nothing."""
    if (row[MISC] >> 24) & (INFO_IP_ID | INFO_TIMESTAMPS):
        return row[ID_WINDOW] >> 16
    return row[ID_WINDOW] & 0


@packet_kernel
def _is_unique(row: Any) -> Any:
    """Whether the sender gives no other packet nearby the same numbers: its IPv4 identification counts."""
    return ((row[MISC] >> 24) & INFO_IP_ID) != 0 and (row[ID_WINDOW] >> 16) != 0


@packet_kernel
def _same(one: Any, other: Any) -> Any:
    """Whether two sightings are of the same packet by all that middleboxes leave alone.

    Where the snap length cut the one's timestamp, or one is IPv4 and the other IPv6, identifications tell nothing.
    """
    return (
        one[SEQ] == other[SEQ]
        and one[ACK] == other[ACK]
        and one[LENGTH_FLAGS] == other[LENGTH_FLAGS]
        and (
            _id(one) == _id(other) or ((one[MISC] ^ other[MISC]) >> 24) & (INFO_IP_ID | INFO_TIMESTAMPS) != 0
        )
    )


@step_kernel
def _lockstep(packets_p: Any, a: Any, packets_q: Any, b: Any, partner_p: Any, partner_q: Any) -> Any:
    """Walk both lists; pair what is the same within the look-ahead.

    Returns how many were paired, whether all in the same order, and the least and largest time between them.
    """
    j, paired, moved = 0, 0, 0
    least, largest = np.int64(_FAR), np.int64(-_FAR)
    for i in range(a.size):
        while j < b.size and partner_q[b[j]] >= 0:
            j += 1
        row = packets_p[a[i]]
        for k in range(j, min(j + LOOK_AHEAD, b.size)):
            if partner_q[b[k]] < 0 and _same(row, packets_q[b[k]]):
                partner_p[a[i]], partner_q[b[k]] = b[k], a[i]
                travel = time_of(packets_q[b[k]]) - time_of(row)
                least, largest = min(least, travel), max(largest, travel)
                moved |= i ^ k
                paired += 1
                break
    return paired, moved == 0, least, largest


@packet_kernel
def _hashed_id(row: Any) -> Any:
    """The identification of IPv4; a timestamp may be cut off at the other point."""
    return row[ID_WINDOW] >> 16 if (row[MISC] >> 24) & INFO_IP_ID else row[ID_WINDOW] & 0


@kernel
def _hash(row: Any) -> Any:
    value = np.uint64(row[SEQ]) * np.uint64(0x9E3779B97F4A7C15)
    value ^= (
        (np.uint64(row[ACK]) << np.uint64(16))
        ^ np.uint64(row[LENGTH_FLAGS])
        ^ (np.uint64(_hashed_id(row)) << np.uint64(40))
    )
    value *= np.uint64(0xD6E8FEB86659FD93)
    return value ^ (value >> np.uint64(32))


@kernel
def _hash_left(packets_p: Any, a: Any, packets_q: Any, b: Any, partner_p: Any, partner_q: Any) -> None:
    """Pair what the walk left over, wherever it stands; equal keys in their order."""
    size = 2
    while size < 2 * b.size:
        size *= 2
    places = np.full(size, -1, np.int64)
    mask = np.uint64(size - 1)
    for k in range(b.size):
        place = _hash(packets_q[b[k]]) & mask
        while places[place] >= 0:
            place = (place + np.uint64(1)) & mask
        places[place] = b[k]
    for i in range(a.size):
        row = packets_p[a[i]]
        place = _hash(row) & mask
        while places[place] >= 0:
            other = places[place]
            if partner_q[other] < 0 and _same(row, packets_q[other]):
                partner_p[a[i]], partner_q[other] = other, a[i]
                break
            place = (place + np.uint64(1)) & mask


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
        else:
            in_step_p[p] = in_step_q[q] = IN_ORDER if ordered else EVEN
            span_p[p, 0], span_p[p, 1] = least, largest
            span_q[q, 0], span_q[q, 1] = -largest, -least
    return uneven


@kernel
def _twins(packets: Any, rows: Any, row: Any) -> Any:
    """Those of `rows` that are the same as packet row `row` of `packets`, as places in `rows`."""
    found = np.empty(rows.size, np.int64)
    count = 0
    for k in range(rows.size):
        if _same(packets[rows[k]], row):
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
def _settle_twins(
    packets_p: Any, packets_q: Any, sides: Any, rows_p: Any, starts_p: Any, rows_q: Any, starts_q: Any, shifts: Any,
    partner_p: Any, partner_q: Any,
) -> None:  # fmt: skip
    """Where a packet of p without an IP id has no partner but its twin has: which of them was it? Time decides."""
    for k in range(sides.shape[0]):
        a = rows_p[starts_p[sides[k, 0]] : starts_p[sides[k, 0] + 1]]
        b = rows_q[starts_q[sides[k, 1]] : starts_q[sides[k, 1] + 1]]
        anchor = np.int64(-1)
        for i in range(a.size):
            row = packets_p[a[i]]
            if partner_p[a[i]] >= 0:
                anchor = np.int64(partner_p[a[i]])
                continue
            if partner_p[a[i]] == _SETTLED or _is_unique(row):
                continue
            near_a = a[max(0, i - NEAR) : i + NEAR]
            twins_a = _twins(packets_p, near_a, row)
            middle = 0 if anchor < 0 else _place(packets_q, b, anchor)
            near_b = b[max(0, middle - NEAR) : middle + NEAR]
            if twins_a.size > 1:
                twins_b = _twins(packets_q, near_b, row)
                if 0 < twins_b.size < twins_a.size:
                    _by_time(
                        packets_p, near_a[twins_a], packets_q, near_b[twins_b],
                        shifts[sides[k, 2]], partner_p, partner_q,
                    )  # fmt: skip
            for twin in twins_a:
                if partner_p[near_a[twin]] < 0:
                    partner_p[near_a[twin]] = _SETTLED
        for row in a:
            partner_p[row] = max(partner_p[row], -1)


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
            is_unique, time = _is_unique(packets[row]), time_of(packets[row])
            for k in range(max(starts[side], i - LOOK_BACK), min(i + LOOK_AHEAD, starts[side + 1])):
                other = rows[k]
                is_other = k < i or (k > i and partner[other] >= 0)
                is_then = is_unique or abs(time - time_of(packets[other])) <= SAME_MOMENT_NS
                if is_other and is_then and _same(packets[row], packets[other]):
                    how[row] = REPEATED
                    break


def pair_points(grouped: tuple[Grouped, Grouped], both: Conversations) -> Pairing:
    """Pair the packets of the conversations two points share; `both` has exactly their two columns."""
    p, q = (_unpaired(groups) for groups in grouped)
    sides = shared_sides(both)
    packets = grouped[0].packets, grouped[1].packets
    lists = (grouped[0].rows, grouped[0].starts, grouped[1].rows, grouped[1].starts)
    uneven = sides[_pair_in_parts(grouped, sides, p, q)]
    if _any_lone(packets[0], uneven, *lists[:2], p.partner, 0) or _any_lone(
        packets[1], uneven, *lists[2:], q.partner, 1
    ):
        shifts, _ = _shifts(grouped, sides, p.partner)
        back = np.ascontiguousarray(uneven[:, [1, 0, 2]])
        _settle_twins(*packets, uneven, *lists, shifts, p.partner, q.partner)
        _settle_twins(*packets[::-1], back, *lists[2:], *lists[:2], -shifts, q.partner, p.partner)
    for point in (p, q):
        np.greater_equal(point.partner, 0, out=point.how, casting="unsafe")  # 1: EXACT
    tcp = uneven[uneven[:, 0] < 2 * grouped[0].connections]
    with ThreadPoolExecutor(PARTS) as pool:
        marked = pool.submit(_mark_repeats, packets[0], *lists[:2], p.partner, p.how, p.in_step)
        _mark_repeats(packets[1], *lists[2:], q.partner, q.how, q.in_step)
        marked.result()
    if len(tcp):
        shifts, known = _shifts(grouped, uneven, p.partner)
        if not known.all():
            shifts, known = _shifts(grouped, sides, p.partner)
        cover_all(*packets, tcp, *lists, shifts, known, p.partner, q.partner, p.how, q.how)
    return Pairing(p=p, q=q)


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
    with ThreadPoolExecutor(PARTS) as pool:
        return np.concatenate(list(pool.map(lambda part: pair(part, *rest, *found), in_parts(sides))))


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
            if partner[rows[i]] < 0 and not _is_unique(packets[rows[i]]):
                return True
    return False


def _travel_times(
    grouped: tuple[Grouped, Grouped], sides: Int64s, partner: npt.NDArray[np.int32], every: Int64s
) -> tuple[Int64s, Int64s, npt.NDArray[np.uint8]]:
    """(travel, row, sender) of p's packets that are paired; of each sender every `every`th packet is looked at.

    `travel`: time from p to q in ns, clocks as they are; `row` at p; `sender`: who of the conversation sent it.
    """
    room = int((np.diff(grouped[0].starts)[sides[:, 0]] // every[sides[:, 2]]).sum()) + len(sides)
    travel, row, sender = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.uint8)
    count = _travel(
        grouped[0].packets, grouped[1].packets, sides, grouped[0].rows, grouped[0].starts, partner,
        every, np.zeros(2, np.int64), travel, row, sender,
    )  # fmt: skip
    return travel[:count], row[:count], sender[:count]


@step_kernel
def _travel(
    packets_p: Any, packets_q: Any, sides: Any, rows: Any, starts: Any, partner: Any,
    every: Any, ahead: Any, travel: Any, row_of: Any, sender: Any,
) -> Any:  # fmt: skip
    """`ahead`: int64[2], of each sender how many packets come before the next one looked at."""
    count = 0
    for k in range(sides.shape[0]):
        who, end = sides[k, 2], starts[sides[k, 0] + 1]
        i = starts[sides[k, 0]] + ahead[who]
        while i < end:
            row = rows[i]
            if partner[row] >= 0:
                travel[count] = time_of(packets_q[partner[row]]) - time_of(packets_p[row])
                row_of[count], sender[count] = row, who
                count += 1
            i += every[who]
        ahead[who] = i - end
    return count


def _shifts(
    grouped: tuple[Grouped, Grouped], sides: Int64s, partner_p: npt.NDArray[np.int32]
) -> tuple[Int64s, npt.NDArray[np.bool_]]:
    """int64[2]: usual time from p to q of each sender's packets, clocks as they are; bool[2]: whether there are any.

    Packets that no other can be taken for tell best. Of very many some are looked at, all where these tell nothing.
    """
    sizes = np.diff(grouped[0].starts)[sides[:, 0]]
    totals = np.bincount(sides[:, 2], weights=sizes, minlength=2).astype(np.int64)
    every = np.maximum(totals // (2 * SAMPLE), 1)
    result, known = _usual_of_senders(grouped[0], *_travel_times(grouped, sides, partner_p, every))
    if known.all() or every.max() == 1:
        return result, known
    return _usual_of_senders(grouped[0], *_travel_times(grouped, sides, partner_p, np.ones(2, np.int64)))


def _usual_of_senders(
    grouped: Grouped, travel: Int64s, rows: Int64s, sender: npt.NDArray[np.uint8]
) -> tuple[Int64s, npt.NDArray[np.bool_]]:
    packets = grouped.packets
    sure = ((packets[rows, MISC] >> 24 & INFO_IP_ID) > 0) & (packets[rows, ID_WINDOW] >> 16 > 0)
    result, known = np.zeros(2, np.int64), np.zeros(2, np.bool_)
    for number in (0, 1):
        mine = sender == number
        if mine.any():
            known[number] = True
            result[number] = _usual(travel[mine & sure] if (mine & sure).any() else travel[mine])
    return result, known


def _usual(travel: Int64s) -> int:
    """The middle of the densest millisecond: packets taken for their twins may be half of all, but lie anywhere."""
    some = np.sort(travel[:: -(-len(travel) // SAMPLE)])
    until = np.searchsorted(some, some + NEARBY_NS, side="right")
    first = int(np.argmax(until - np.arange(len(some))))
    return int(some[(first + int(until[first]) - 1) // 2])
