"""Packets that a capture missed and the network did not: somebody beyond acknowledged them.

A payload or SYN that was acknowledged although no copy of it was seen downstream did get through there. A FIN alone
is not excused: its acknowledgment is one number, which a client that closes by itself may send as well.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lastseen.compiled import kernel
from lastseen.matching.grouping import Grouped
from lastseen.tables.packets import ACK, FLAGS, LENGTH_FLAGS, SEQ

__all__ = ["excused"]

Int64s = npt.NDArray[np.int64]

_HALF: Final = 0x80000000
_ACK_FLAG: Final = FLAGS["A"]
_SYN_FLAG: Final = FLAGS["S"]


@kernel
def _relative(number: Any, base: Any) -> Any:
    """Signed distance of two sequence numbers (RFC 9293, 3.4)."""
    difference = (np.int64(number) - np.int64(base)) & 0xFFFFFFFF
    return difference - 0x100000000 if difference >= _HALF else difference


@kernel
def _highest_ack(packets: Any, rows: Any, base: Any, highest: Any) -> Any:
    """The highest acknowledgment, counted from `base`, or `highest`."""
    for row in rows:
        if packets[row, LENGTH_FLAGS] & _ACK_FLAG:
            highest = max(highest, _relative(packets[row, ACK], base))
    return highest


@kernel
def _used(row: Any) -> Any:
    """Sequence numbers a packet takes, its FIN left out."""
    return np.int64(row[LENGTH_FLAGS] >> 8) + (1 if row[LENGTH_FLAGS] & _SYN_FLAG else 0)


@kernel
def _reach(packets: Any, rows: Any, base: Any) -> Any:
    """(starts, reach): starts of the packets with a payload, ascending, and how far those up to each reach."""
    count = 0
    begins, ends = np.empty(rows.size, np.int64), np.empty(rows.size, np.int64)
    for row in rows:
        used = _used(packets[row])
        if used:
            begins[count] = _relative(packets[row, SEQ], base)
            ends[count] = begins[count] + used
            count += 1
    order = np.argsort(begins[:count], kind="mergesort")
    begins, ends = begins[:count][order], ends[:count][order]
    for k in range(1, count):
        ends[k] = max(ends[k], ends[k - 1])
    return begins, ends


@kernel
def _is_covered(begins: Any, reach: Any, start: Any, end: Any) -> Any:
    """Whether packets carry the first and the last byte of the range (a retransmission did)."""
    first = np.searchsorted(begins, start, side="right") - 1
    last = np.searchsorted(begins, end, side="left") - 1
    return first >= 0 and reach[first] > start and reach[last] >= end


@kernel
def _excused(
    up: Any, up_rows: Any, up_starts: Any, down: Any, down_rows: Any, down_starts: Any,
    members: Any, lost: Any, bounds: Any,
) -> Any:  # fmt: skip
    """Of the rows `lost`, those of member m at bounds[m] : bounds[m + 1], those that did get through."""
    result = np.empty(lost.size, np.int64)
    count = 0
    for m in range(members.shape[0]):
        if bounds[m] == bounds[m + 1]:
            continue
        base = np.int64(up[lost[bounds[m]], SEQ])
        at, below = 2 * members[m, 0], 2 * members[m, 1]
        receiver = 1 - members[m, 2]
        acked = np.int64(-_HALF)
        acked = _highest_ack(
            up, up_rows[up_starts[at + receiver] : up_starts[at + receiver + 1]], base, acked
        )
        place = below + 1 - members[m, 3]
        acked = _highest_ack(down, down_rows[down_starts[place] : down_starts[place + 1]], base, acked)
        place = below + members[m, 3]
        begins, reach = _reach(down, down_rows[down_starts[place] : down_starts[place + 1]], base)
        for k in range(bounds[m], bounds[m + 1]):
            start, used = _relative(up[lost[k], SEQ], base), _used(up[lost[k]])
            if used and acked >= start + used and not _is_covered(begins, reach, start, start + used):
                result[count] = lost[k]
                count += 1
    return result[:count]


def excused(up: Grouped, down: Grouped, members: Int64s, lost: Int64s) -> Int64s:
    """Rows of `lost` (int64[n, 2]: rows of up with their groups) that were acknowledged and never seen downstream.

    `members` as in `PairView`; only TCP connections that both points saw can tell.
    """
    able = members[(members[:, 0] < up.connections) & (members[:, 1] >= 0)]
    if not len(able) or not len(lost):
        return np.empty(0, np.int64)
    number = np.full(len(up), -1, np.int64)
    number[able[:, 0]] = np.arange(len(able))
    of = number[lost[:, 1]]
    mine = lost[of >= 0, 0][np.argsort(of[of >= 0], kind="stable")]
    bounds = np.concatenate([[0], np.cumsum(np.bincount(of[of >= 0], minlength=len(able)))])
    return np.asarray(
        _excused(up.packets, up.rows, up.starts, down.packets, down.rows, down.starts, able, mine, bounds)
    )
