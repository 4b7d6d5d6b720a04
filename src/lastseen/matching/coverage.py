"""Pair by the bytes they carry what segmentation and receive offload made of packets: it is no loss.

TSO, GSO, LRO, GRO: a network card or a kernel cuts one large segment into several and puts several together (Linux,
Documentation/networking/segmentation-offloads.rst): the numbers of single packets then differ from point to point, the
bytes do not.
"""

from typing import Any, Final

import numpy as np

from lastseen.compiled import kernel
from lastseen.matching.pairs import MERGED_INTO, REPEATED, SPLIT_INTO
from lastseen.matching.sightings import TOO_EARLY_NS, is_unique, relative, time_of
from lastseen.tables.packets import ID_WINDOW, LENGTH_FLAGS, SEQ

__all__ = ["NEARBY_NS", "cover_all", "left_over"]

NEARBY_NS: Final = 1_000_000
"""Offload holds packets back for less (GRO flushes at the end of each poll); bytes so near in time are paired first,
then those within FARTHER times as much: a queue may have kept back any of a frame's segments, and what was sent again
came later."""
FARTHER: Final = (1, 4, 16)
_FOREVER: Final = np.int64(1 << 62)


@kernel
def left_over(rows: Any, partner: Any) -> Any:
    """Those of `rows` without a partner."""
    count = 0
    for row in rows:
        count += partner[row] < 0
    left = np.empty(count, np.int64)
    k = 0
    for row in rows:
        if partner[row] < 0:
            left[k] = row
            k += 1
    return left


@kernel
def _ranges(packets: Any, rows: Any, how: Any, base: Any) -> Any:
    """int64[k, 7]: start, end, row, -1, time, 1 for a second sighting, id, of payloads, by start.

    The -1 stands for "nothing is used up": see `_none_used`. Of those that start alike the later come first: what was
    repeated after a loss is what arrived.
    """
    count = 0
    for row in rows:
        count += packets[row, LENGTH_FLAGS] >> 8 > 0
    unsorted = np.empty((count, 7), np.int64)
    k = count
    for row in rows:
        size = np.int64(packets[row, LENGTH_FLAGS] >> 8)
        if size:
            k -= 1
            start = relative(packets[row, SEQ], base)
            unsorted[k, 0], unsorted[k, 1], unsorted[k, 2], unsorted[k, 3] = start, start + size, row, -1
            unsorted[k, 4], unsorted[k, 5] = time_of(packets[row]), how[row] == REPEATED
            unsorted[k, 6] = packets[row, ID_WINDOW] >> 16 if is_unique(packets[row]) else 0
    return unsorted[np.argsort(unsorted[:, 0], kind="mergesort")]


@kernel
def _none_used(count: Any) -> Any:
    """int64[count + 1, 3]: room for parts of ranges that are used up. [0, 0]: how many there are.

    A part: its first byte, the first after it, and the place of another part of the same range (-1: none), the first of
    which is told in the range's column 3.
    """
    used = np.empty((count + 1, 3), np.int64)
    used[0, 0] = 0
    return used


@kernel
def _free_until(one: Any, used: Any, byte: Any) -> Any:
    """Up to where a range's bytes from `byte` on are not used up; `byte` itself: it is."""
    until, part = one[1], one[3]
    while part >= 0:
        if used[part, 0] <= byte < used[part, 1]:
            return byte
        if used[part, 0] > byte:
            until = min(until, used[part, 0])
        part = used[part, 2]
    return until


@kernel
def _use_up(one: Any, used: Any, begin: Any, end: Any) -> None:
    """Use up the bytes of a range from `begin` to `end`; without room for them they stay free."""
    if one[3] >= 0 and used[one[3], 1] == begin:
        used[one[3], 1] = end
    elif used[0, 0] + 1 < used.shape[0]:
        used[0, 0] += 1
        used[used[0, 0], 0], used[used[0, 0], 1], used[used[0, 0], 2] = begin, end, one[3]
        one[3] = used[0, 0]


@kernel
def _cover(ranges: Any, used: Any, start: Any, end: Any, between: Any, copies: Any, take: Any) -> Any:
    """The first of `ranges`, seen in a span of time, that cover [start, end) without a gap, or -1.

    `copies`: second sightings may, too. `take`: use those bytes up; none is used twice, in whatever order.
    """
    first, cursor = -1, start
    for k in range(_first_reaching(ranges, start), ranges.shape[0]):
        if ranges[k, 0] > cursor or cursor >= end:
            break
        if ranges[k, 5] and not copies:
            continue
        if ranges[k, 1] > cursor and between[0] <= ranges[k, 4] <= between[1]:
            until = min(_free_until(ranges[k], used, cursor), end)
            if until > cursor:
                first = k if first < 0 else first
                if take:
                    _use_up(ranges[k], used, cursor, until)
                cursor = until
    return first if cursor >= end else -1


@kernel
def _cover_each(one: Any, other: Any, shift: Any, known: Any, onward: Any) -> None:
    """Pair what of one point has no partner with what of the other one covers it, the nearest in time first.

    `one`: its ranges, partner and how; `other`: its ranges and what of them is used up. `shift`: the usual time from
    the one to the other, where it is `known`. `onward`: the other's are what became of the one's, and second sightings
    count only where they are nearest; else the one's are what became of the other's.
    """
    ranges, partner, how = one
    others, used = other
    for farther in (*FARTHER, 0):
        for r in range(ranges.shape[0]):
            start, end, row = ranges[r, 0], ranges[r, 1], ranges[r, 2]
            if partner[row] >= 0 or how[row] == REPEATED:
                continue
            at, around = ranges[r, 4] + shift, farther * NEARBY_NS
            if not known:
                between = (-_FOREVER, _FOREVER)
            elif farther:
                between = (at - around, at + around)
            elif onward:
                between = (at - TOO_EARLY_NS, _FOREVER)
            else:
                between = (-_FOREVER, at + TOO_EARLY_NS)
            copies = farther == 1 or not onward
            first = _cover(others, used, start, end, between, copies, 0)
            if first >= 0:
                _cover(others, used, start, end, between, copies, 1)
                partner[row] = others[first, 2]
                how[row] = SPLIT_INTO if (others[first, 1] < end) == onward else MERGED_INTO


@kernel
def cover_all(
    packets_p: Any, packets_q: Any, sides: Any, rows_p: Any, starts_p: Any, rows_q: Any, starts_q: Any, shifts: Any,
    known: Any, partner_p: Any, partner_q: Any, how_p: Any, how_q: Any,
) -> None:  # fmt: skip
    """Pair what is left with a payload by the bytes it covers: segmentation and receive offload are no loss."""
    for k in range(sides.shape[0]):
        left_a = left_over(rows_p[starts_p[sides[k, 0]] : starts_p[sides[k, 0] + 1]], partner_p)
        left_b = left_over(rows_q[starts_q[sides[k, 1]] : starts_q[sides[k, 1] + 1]], partner_q)
        if left_a.size == 0 or left_b.size == 0:
            continue
        base, shift = packets_p[left_a[0], SEQ], shifts[sides[k, 2]]
        ranges_a, ranges_b = _ranges(packets_p, left_a, how_p, base), _ranges(packets_q, left_b, how_q, base)
        used_a = _none_used(2 * (ranges_a.shape[0] + ranges_b.shape[0]))
        used_b = _none_used(2 * (ranges_a.shape[0] + ranges_b.shape[0]))
        is_known = known[sides[k, 2]]
        _cover_each((ranges_a, partner_p, how_p), (ranges_b, used_b), shift, is_known, 1)
        _cover_each((ranges_b, partner_q, how_q), (ranges_a, used_a), -shift, is_known, 0)
        _count_again(
            (packets_p, rows_p[starts_p[sides[k, 0]] : starts_p[sides[k, 0] + 1]], how_p),
            (packets_q, rows_q[starts_q[sides[k, 1]] : starts_q[sides[k, 1] + 1]], how_q),
            ranges_a, partner_p, shift if is_known else _FOREVER,
        )  # fmt: skip


@kernel
def _count_again(one: Any, other: Any, left: Any, partner: Any, shift: Any) -> None:
    """Pair what is `left` of one's payloads where the other has each of its bytes as often, whatever was paired so far.

    Copies that the network made are told from packets sent again by their times only, and which of them one took for
    which is a guess; but bytes that came as often as they were sent were not lost. Counted is from the packet on, and
    of the other's second sightings those that its identification tells. `shift`: the usual time from one to the other,
    _FOREVER: not known.
    """
    packets, rows, how = one
    other_packets, other_rows, other_how = other
    counted = False
    ranges = others = left
    for r in range(left.shape[0]):
        start, end, row = left[r, 0], left[r, 1], left[r, 2]
        if partner[row] >= 0 or how[row] == REPEATED:
            continue
        if not counted:
            base = np.int64(packets[row, SEQ]) - start
            ranges = _ranges(packets, rows, how, base)
            others = _ranges(other_packets, other_rows, other_how, base)
            counted = True
        since = left[r, 4] - TOO_EARLY_NS
        other_since = -_FOREVER if shift == _FOREVER else since + shift
        place = _as_often(ranges, others, left[r], since, other_since)
        if place >= 0:
            partner[row] = others[place, 2]
            how[row] = SPLIT_INTO if others[place, 1] < end else MERGED_INTO


@kernel
def _first_reaching(ranges: Any, start: Any) -> Any:
    """The first of `ranges` that may reach the byte `start`: none is longer than eight times IP's largest packet."""
    low, high = 0, ranges.shape[0]
    while low < high:
        middle = (low + high) // 2
        if ranges[middle, 0] <= start - 65_536 * 8:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def _is_part(copy: Any, one: Any) -> Any:
    """Whether a second sighting is, by its identification, the packet of a range or one of its parts.

    Offload counts the identifications of the parts up, and all but the last are of one size.
    """
    ahead = copy[0] - one[0]
    size = copy[1] - copy[0] if ahead >= 0 else one[1] - one[0]
    counted = copy[6] == (one[6] + ahead // size) & 0xFFFF and ahead % size == 0
    return one[6] > 0 and (copy[6] == one[6] or counted)


@kernel
def _times_carried(ranges: Any, low: Any, byte: Any, since: Any, one: Any, copies: Any) -> Any:
    """How many of `ranges` carry a byte from a time on; `copies`: second sightings of the packet `one`, too."""
    count = 0
    for k in range(low, ranges.shape[0]):
        if ranges[k, 0] > byte:
            break
        if ranges[k, 1] > byte and ranges[k, 4] >= since:
            count += not ranges[k, 5] or (copies and _is_part(ranges[k], one))
    return count


@kernel
def _as_often(ranges: Any, others: Any, one: Any, since: Any, other_since: Any) -> Any:
    """The first of `others` that carries the first byte of one range, if they carry each as often as `ranges`; or -1.

    How often changes where one of them begins or ends.
    """
    start, end = one[0], one[1]
    low, other_low = _first_reaching(ranges, start), _first_reaching(others, start)
    first = -1
    for k in range(other_low, others.shape[0]):
        if others[k, 0] > start:
            break
        if first < 0 and others[k, 1] > start and others[k, 4] >= other_since and not others[k, 5]:
            first = k
    byte = start
    while first >= 0 and byte < end:
        sent = _times_carried(ranges, low, byte, since, one, 0)
        if sent > _times_carried(others, other_low, byte, other_since, one, 1):
            first = -1
        byte = min(_next_edge(ranges, low, byte, end), _next_edge(others, other_low, byte, end))
    return first


@kernel
def _next_edge(ranges: Any, low: Any, byte: Any, end: Any) -> Any:
    """The first byte after `byte` where one of `ranges` begins or ends, at most `end`."""
    edge = end
    for k in range(low, ranges.shape[0]):
        if ranges[k, 0] >= edge:
            break
        if ranges[k, 0] > byte:
            edge = min(edge, ranges[k, 0])
        elif ranges[k, 1] > byte:
            edge = min(edge, ranges[k, 1])
    return edge
