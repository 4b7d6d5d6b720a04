"""Whether a packet lies inside the window that connection tracking has followed, by what one point saw before it.

As Linux reckons it (net/netfilter/nf_conntrack_proto_tcp.c, tcp_in_window, 6.1 and later; G. van Rooij, Real Stateful
TCP Packet Filtering in IP Filter, 2000): what each end has sent and what the other has ever allowed it to send bound
the next packet, and a packet beyond an upper bound is invalid and changes nothing. Where tracking saw what this point
saw, it came to the same; where it says otherwise, it missed packets that passed here.

Kept on the side of saying nothing: of a connection whose handshake was not seen (Linux is liberal with those, too), of
SYNs and resets nothing is told, and an acknowledgment with SACK blocks is taken to have all that was sent.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lastseen.compiled import kernel, step_kernel
from lastseen.tables.packets import (
    ACK,
    FLAGS,
    FLOW,
    FLOW_OPTIONS_A,
    FLOW_OPTIONS_B,
    ID_WINDOW,
    INFO_CUT,
    INFO_SACK_BLOCKS,
    LENGTH_FLAGS,
    MISC,
    SEQ,
)
from lastseen.tables.points import Point

__all__ = ["ACK_OVER", "ACK_UNDER", "INSIDE", "SEQ_OVER", "SEQ_UNDER", "UNTOLD", "tracked_windows"]

UNTOLD, INSIDE, SEQ_OVER, ACK_OVER, SEQ_UNDER, ACK_UNDER = range(6)
"""Named for the kernel's log lines. What lies under a lower bound is invalid before Linux 6.1 and passes since."""

LEAST_ACK_WINDOW: Final = 66_000
"""MAXACKWINCONST: so far back an acknowledgment may always lie."""
LARGEST_SCALE: Final = 14
"""RFC 7323, 2.3."""

Int64s = npt.NDArray[np.int64]
_WHOLE: Final = 0xFFFFFFFF
_HALF: Final = 0x80000000
_SYN, _ACK, _FIN, _RST = (FLAGS[letter] for letter in "SAFR")
_END, _MAX_END, _MAX_WINDOW, _SCALE = range(4)
"""Of each end: where what it sent ends (td_end), the last it may send (td_maxend), the largest window it gave."""


@step_kernel
def _is_after(a: Any, b: Any) -> Any:
    """Whether sequence number a follows b, in a space of 2^32."""
    return 0 < ((a - b) & _WHOLE) < _HALF


@step_kernel
def _end_of(row: Any) -> Any:
    """The sequence number after a packet."""
    flags = np.int64(row[LENGTH_FLAGS])
    used = (flags >> 8) + ((flags & _SYN) > 0) + ((flags & _FIN) > 0)
    return (np.int64(row[SEQ]) + used) & _WHOLE


@step_kernel
def _allow(end: Any, last: Any, window: Any) -> None:
    """The other end has `last` and offers `window` more."""
    if _is_after(last + window, end[_MAX_END] - 1):
        end[_MAX_END] = (last + max(window, 1)) & _WHOLE


@step_kernel
def _open(state: Any, row: Any, side: Any, scale: Any) -> None:
    """Take a SYN or SYN-ACK into account; repeated ones, and one whose options were cut off, change nothing."""
    answers = (row[LENGTH_FLAGS] & _ACK) > 0
    fits = side == 1 and state[0, _MAX_WINDOW] > 0 if answers else side == 0
    if not fits or state[1, _MAX_WINDOW] > 0 or (row[MISC] >> 24) & INFO_CUT:
        return
    window = np.int64(row[ID_WINDOW]) & 0xFFFF
    state[side, _END] = state[side, _MAX_END] = _end_of(row)
    state[side, _MAX_WINDOW], state[side, _SCALE] = max(window, 1), scale
    if answers:
        _allow(state[0], np.int64(row[ACK]), window)


@step_kernel
def _judge(mine: Any, other: Any, row: Any) -> Any:
    """The bound that a packet passes, if any; one inside moves them."""
    seq, end = np.int64(row[SEQ]), _end_of(row)
    ack = np.int64(row[ACK]) if row[LENGTH_FLAGS] & _ACK else other[_END]
    has = ack
    if (row[MISC] >> 24) & INFO_SACK_BLOCKS and _is_after(other[_END], ack):
        has = other[_END]
    is_new = _is_after(end, mine[_END] - other[_MAX_WINDOW] - 1)
    is_prompt = _is_after(has, other[_END] - max(mine[_MAX_WINDOW], LEAST_ACK_WINDOW) - 1)
    if _is_after(seq, mine[_MAX_END]):
        within = ((end - mine[_MAX_END] + 1) & _WHOLE) <= other[_MAX_WINDOW]
        if within and is_new and is_prompt and not _is_after(has, other[_END]):
            mine[_END] = end  # more than allowed by less than a window: logged, and let pass
            return INSIDE
        return SEQ_OVER
    if _is_after(has, other[_END]):
        return ACK_OVER
    if not is_new:
        return SEQ_UNDER
    if not is_prompt:
        return ACK_UNDER
    window = (np.int64(row[ID_WINDOW]) & 0xFFFF) << mine[_SCALE]
    mine[_MAX_WINDOW] = max(mine[_MAX_WINDOW], window + ((has - ack) & _WHOLE))
    if _is_after(end, mine[_END]):
        mine[_END] = end
    if _is_after(end, mine[_MAX_END]):
        other[_MAX_WINDOW] += (end - mine[_MAX_END]) & _WHOLE
    _allow(other, has, window)
    return INSIDE


@kernel
def _follow(packets: Any, rows: Any, starts: Any, sides: Any, scales: Any, told: Any) -> None:
    """Fill `told` for each of `rows`, which lie by connection in the order they were seen; side 0 opened it."""
    state = np.empty((2, 4), np.int64)
    for connection in range(starts.size - 1):
        state[:] = 0
        for k in range(starts[connection], starts[connection + 1]):
            row, side = packets[rows[k]], sides[k]
            if row[LENGTH_FLAGS] & _RST:
                continue
            if row[LENGTH_FLAGS] & _SYN:
                _open(state, row, side, scales[connection, side])
            elif state[0, _MAX_WINDOW] > 0 and state[1, _MAX_WINDOW] > 0:
                told[k] = _judge(state[side], state[1 - side], row)
            else:
                break


def tracked_windows(point: Point, rows: Int64s) -> npt.NDArray[np.uint8]:
    """uint8[k]: for each of these packet rows UNTOLD, INSIDE or the bound it passes, whatever their order.

    Only packets of TCP connections in a capture that is no listing are told of; those before them are read in the order
    of the file.
    """
    result = np.full(len(rows), UNTOLD, np.uint8)
    groups = np.unique(point.group_of[rows])
    tcp = groups[(groups >= 0) & (groups < len(point.connections))].astype(np.int64)
    if point.capture.listed is not None or not len(tcp):
        return result
    wanted = np.zeros(point.group_count + 1, np.bool_)  # its last entry is that of packets of no group
    wanted[tcp] = True
    every = np.flatnonzero(wanted[point.group_of])
    group = point.group_of[every]
    order = np.argsort(group, kind="stable")
    told = np.full(len(every), UNTOLD, np.uint8)
    sorted_rows, group = every[order], group[order]
    sides = (point.capture.packets[sorted_rows, FLOW] & 1) ^ point.connections["originator"][group]
    starts = np.append(np.searchsorted(group, tcp), len(group))
    _follow(point.capture.packets, sorted_rows, starts, sides.astype(np.int64), _scales(point, tcp), told)
    by_row = np.empty(len(every), np.uint8)
    by_row[order] = told
    mine = wanted[point.group_of[rows]]
    result[mine] = by_row[np.searchsorted(every, rows[mine])]
    return result


def _scales(point: Point, connections: Int64s) -> Int64s:
    """int64[c, 2]: the shift count of the windows of originator and responder; 0 unless both offered one."""
    flows = point.capture.flows[point.connections["flow"][connections]].astype(np.int64)
    offered = flows[:, [FLOW_OPTIONS_A, FLOW_OPTIONS_B]] & 0xFF
    turned = point.connections["originator"][connections] == 1
    offered[turned] = offered[turned, ::-1]
    agreed = (offered > 0).all(axis=1, keepdims=True)
    scales: Int64s = np.where(agreed, np.minimum(offered - 1, LARGEST_SCALE), 0)
    return np.ascontiguousarray(scales)  # one kind of argument, so that the kernel is compiled once
