"""What the two ends themselves say of a packet that a capture does not have: it got through, or it did not.

A capture may miss packets that the network did not lose (libpcap counts `ps_drop`; many captures do not say).
What takes sequence numbers tells (RFC 9293, 3.8.1): when the other end acknowledged it before its sender repeated it,
it got through; when the other end for a while acknowledged all before it and not it, it did not. A repetition alone
tells nothing: the acknowledgment may be what was lost.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lastseen.compiled import kernel, packet_kernel
from lastseen.matching.grouping import Grouped
from lastseen.matching.pairs import REPEATED, Pairing
from lastseen.matching.sightings import relative, time_of
from lastseen.tables.packets import ACK, FLAGS, LENGTH_FLAGS, SEQ

__all__ = ["GOT_LOST", "GOT_THROUGH", "LATER_NS", "NOT_SAID", "what_ends_say"]

NOT_SAID, GOT_THROUGH, GOT_LOST = range(3)

LATER_NS: Final = 200_000_000
"""What the other end sends so much later was not under way already (RFC 9293's round trips are shorter; Linux waits
as long before it repeats anything: TCP_RTO_MIN)."""
OVERLAPPING: Final = 64
"""Packets that begin at or before a number, among which its repetition is sought: none is repeated more often."""

Int64s = npt.NDArray[np.int64]

_FAR: Final = np.int64(1 << 62)
_ACK_FLAG: Final = FLAGS["A"]
_SYN_FLAG: Final = FLAGS["S"]
_FIN_FLAG: Final = FLAGS["F"]
_RST_FLAG: Final = FLAGS["R"]


@packet_kernel
def _used(row: Any) -> Any:
    """Sequence numbers a packet takes."""
    flags = row[LENGTH_FLAGS]
    return np.int64(flags >> 8) + ((flags & _SYN_FLAG) > 0) + ((flags & _FIN_FLAG) > 0)


@kernel
def _acknowledgments(up: Any, up_rows: Any, down: Any, down_rows: Any, base: Any, offset: Any) -> Any:
    """(times, reach): when the other end acknowledged, up's clock, ascending, and the highest number until then.

    A RST that only up saw may be of a firewall between the two.
    """
    times, acks = (
        np.empty(up_rows.size + down_rows.size, np.int64),
        np.empty(up_rows.size + down_rows.size, np.int64),
    )
    count = 0
    for row in up_rows:
        if up[row, LENGTH_FLAGS] & (_ACK_FLAG | _RST_FLAG) == _ACK_FLAG:
            times[count], acks[count] = time_of(up[row]), relative(up[row, ACK], base)
            count += 1
    for row in down_rows:
        if down[row, LENGTH_FLAGS] & _ACK_FLAG:
            times[count], acks[count] = time_of(down[row]) - offset, relative(down[row, ACK], base)
            count += 1
    order = np.argsort(times[:count], kind="mergesort")
    times, acks = times[:count][order], acks[:count][order]
    for k in range(1, count):
        acks[k] = max(acks[k], acks[k - 1])
    return times, acks


@kernel
def _ranges(packets: Any, rows: Any, how: Any, base: Any) -> Any:
    """(begin, end, time) of the packets that take sequence numbers, by begin; second sightings left out."""
    begins, ends, times = (
        np.empty(rows.size, np.int64),
        np.empty(rows.size, np.int64),
        np.empty(rows.size, np.int64),
    )
    count = 0
    for row in rows:
        used = _used(packets[row])
        if used and how[row] != REPEATED:
            begins[count] = relative(packets[row, SEQ], base)
            ends[count], times[count] = begins[count] + used, time_of(packets[row])
            count += 1
    order = np.argsort(begins[:count], kind="mergesort")
    return begins[:count][order], ends[:count][order], times[:count][order]


@packet_kernel
def _carried_after(ranges: Any, start: Any, time: Any) -> Any:
    """When the number `start` was first carried by a packet later than `time`; _FAR: by none."""
    begins, ends, times = ranges
    earliest = _FAR
    last = np.searchsorted(begins, start, side="right")
    for k in range(last - 1, max(last - 1 - OVERLAPPING, -1), -1):
        if ends[k] > start and times[k] > time:
            earliest = min(earliest, times[k])
    return earliest


@packet_kernel
def _again(sent: Any, arrived: Any, number: Any, time: Any, offset: Any) -> Any:
    """When a sequence number sent at `time` came by up again, or by down at all, up's clock; _FAR and more: never."""
    return min(_carried_after(sent, number, time), _carried_after(arrived, number, -_FAR) - offset)


@kernel
def _say(
    up: Any, up_rows: Any, up_starts: Any, down: Any, down_rows: Any, down_starts: Any,
    how: Any, down_how: Any, members: Any, lost: Any, bounds: Any, offset: Any,
) -> Any:  # fmt: skip
    """uint8[n]: of the rows `lost`, those of member m at bounds[m] : bounds[m + 1], what the ends say."""
    result = np.zeros(lost.size, np.uint8)
    for m in range(members.shape[0]):
        if bounds[m] == bounds[m + 1]:
            continue
        base, at, below = np.int64(up[lost[bounds[m]], SEQ]), 2 * members[m, 0], 2 * members[m, 1]
        side, receiver, down_receiver = members[m, 2], 1 - members[m, 2], 1 - members[m, 3]
        times, acks = _acknowledgments(
            up, up_rows[up_starts[at + receiver] : up_starts[at + receiver + 1]],
            down, down_rows[down_starts[below + down_receiver] : down_starts[below + down_receiver + 1]],
            base, offset,
        )  # fmt: skip
        sent = _ranges(up, up_rows[up_starts[at + side] : up_starts[at + side + 1]], how, base)
        below += members[m, 3]
        arrived = _ranges(down, down_rows[down_starts[below] : down_starts[below + 1]], down_how, base)
        for k in range(bounds[m], bounds[m + 1]):
            start, used = relative(up[lost[k], SEQ], base), _used(up[lost[k]])
            if not used or up[lost[k], LENGTH_FLAGS] & _RST_FLAG:
                continue
            first = np.searchsorted(acks, start + used)
            acked = times[first] if first < times.size else _FAR
            time = time_of(up[lost[k]])
            again = _again(sent, arrived, start, time, offset)
            last = min(np.searchsorted(acks, start, side="right"), np.searchsorted(times, again)) - 1
            if acked < again:
                result[k] = GOT_THROUGH
            elif last >= 0 and acks[last] == start and times[last] > time + LATER_NS:
                # of a merged packet the rest may have arrived: then it is acknowledged without being repeated
                whole = _again(sent, arrived, start + used - 1, time, offset) <= acked
                result[k] = GOT_LOST if whole else NOT_SAID
    return result


def what_ends_say(
    up: Grouped, down: Grouped, pairing: Pairing, lost: Int64s, *, members: Int64s, offset_ns: int
) -> tuple[Int64s, npt.NDArray[np.uint8]]:
    """(rows, what is said of each) of `lost` (int64[n, 2]: rows of up with their groups), which down does not have.

    `members` as in `PairView`; only TCP connections that both points saw can tell. `offset_ns`: what down's clock is
    ahead.
    """
    able = members[(members[:, 0] < up.connections) & (members[:, 1] >= 0)]
    if not len(able) or not len(lost):
        return np.empty(0, np.int64), np.empty(0, np.uint8)
    number = np.full(len(up), -1, np.int64)
    number[able[:, 0]] = np.arange(len(able))
    of = number[lost[:, 1]]
    mine = lost[of >= 0, 0][np.argsort(of[of >= 0], kind="stable")]
    bounds = np.concatenate([[0], np.cumsum(np.bincount(of[of >= 0], minlength=len(able)))])
    said = _say(
        up.packets, up.rows, up.starts, down.packets, down.rows, down.starts,
        pairing.p.how, pairing.q.how, able, mine, bounds, offset_ns,
    )  # fmt: skip
    return mine, np.asarray(said)
