"""Pair by the bytes they carry what segmentation and receive offload made of packets: it is no loss.

TSO, GSO, LRO, GRO: a network card or a kernel cuts one large segment into several and puts several together (Linux,
Documentation/networking/segmentation-offloads.rst): the numbers of single packets then differ from point to point, the
bytes do not.
"""

from typing import Any, Final

import numpy as np

from lastseen.compiled import kernel
from lastseen.matching.pairs import MERGED_INTO, REPEATED, SPLIT_INTO
from lastseen.matching.sightings import relative, time_of
from lastseen.tables.packets import LENGTH_FLAGS, SEQ

__all__ = ["NEARBY_NS", "cover_all", "left_over"]

NEARBY_NS: Final = 1_000_000
"""Offload holds packets back for less (GRO flushes at the end of each poll); bytes so near in time are paired first."""
TOO_EARLY_NS: Final = 20_000_000
"""Bytes are not those of a packet that was sent so much later, even if the clocks drift; repetitions wait for longer
(Linux: TCP_RTO_MIN, 200 ms) but for those that duplicate acknowledgments ask for."""

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
    """int64[k, 6]: start, end, row, first byte not used up, time, 1 for a second sighting, by start, of payloads.

    Of those that start alike the later come first: what was repeated after a loss is what arrived.
    """
    count = 0
    for row in rows:
        count += packets[row, LENGTH_FLAGS] >> 8 > 0
    unsorted = np.empty((count, 6), np.int64)
    k = count
    for row in rows:
        size = np.int64(packets[row, LENGTH_FLAGS] >> 8)
        if size:
            k -= 1
            start = relative(packets[row, SEQ], base)
            unsorted[k, 0], unsorted[k, 1], unsorted[k, 2], unsorted[k, 3] = start, start + size, row, start
            unsorted[k, 4], unsorted[k, 5] = time_of(packets[row]), how[row] == REPEATED
    return unsorted[np.argsort(unsorted[:, 0], kind="mergesort")]


@kernel
def _cover(ranges: Any, start: Any, end: Any, between: Any, copies: Any, take: Any) -> Any:
    """The first of `ranges`, seen in a span of time, that cover [start, end) without a gap, or -1.

    `copies`: second sightings may, too. `take`: use those bytes up; none is used twice.
    """
    low, high = 0, ranges.shape[0]
    while low < high:
        middle = (low + high) // 2
        if ranges[middle, 0] <= start - 65_536 * 8:
            low = middle + 1
        else:
            high = middle
    first, cursor = -1, start
    for k in range(low, ranges.shape[0]):
        if ranges[k, 0] > cursor or cursor >= end:
            break
        if ranges[k, 5] and not copies:
            continue
        if ranges[k, 1] > cursor >= ranges[k, 3] and between[0] <= ranges[k, 4] <= between[1]:
            first = k if first < 0 else first
            cursor = min(ranges[k, 1], end)
            if take:
                ranges[k, 3] = cursor
    return first if cursor >= end else -1


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
        free_a = ranges_a.copy()
        for nearby in (True, False):
            for r in range(ranges_a.shape[0]):
                start, end, row = ranges_a[r, 0], ranges_a[r, 1], ranges_a[r, 2]
                at = ranges_a[r, 4] + shift
                between = (at - NEARBY_NS, at + NEARBY_NS) if nearby else (at - TOO_EARLY_NS, _FOREVER)
                if not known[sides[k, 2]]:
                    between = (-_FOREVER, _FOREVER)
                first = -1
                if partner_p[row] < 0 and how_p[row] != REPEATED:
                    first = _cover(ranges_b, start, end, between, nearby, 0)
                if first >= 0:
                    _cover(ranges_b, start, end, between, nearby, 1)
                    partner_p[row] = ranges_b[first, 2]
                    how_p[row] = SPLIT_INTO if ranges_b[first, 1] < end else MERGED_INTO
        for r in range(ranges_b.shape[0]):
            between = (-_FOREVER, ranges_b[r, 4] - shift + TOO_EARLY_NS if known[sides[k, 2]] else _FOREVER)
            first = -1
            if how_q[ranges_b[r, 2]] != REPEATED:
                first = _cover(free_a, ranges_b[r, 0], ranges_b[r, 1], between, 1, 1)
            if first >= 0:
                row = ranges_b[r, 2]
                partner_q[row] = free_a[first, 2]
                how_q[row] = MERGED_INTO if free_a[first, 1] < ranges_b[r, 1] else SPLIT_INTO
