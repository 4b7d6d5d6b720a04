"""What became of each packet between two neighbouring points: delivered, lost, unproven or outside.

Absence from a capture is no loss by itself. A packet is called lost only where the downstream point was certainly
watching: inside the span of its capture (stretched by the largest delay seen in that direction), or before a
moment at which something proves that the capture still ran. Beyond that it is unproven; where packets of the
other direction, which must have passed that point, are missing there as well, the capture was over: outside.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lastseen.matching.grouping import Grouped
from lastseen.matching.pairing import EXACT, MERGED_INTO, REPEATED, SPLIT_INTO
from lastseen.tables.packets import ACK, FLAGS, FLOW_A, ID_WINDOW, LENGTH_FLAGS, MISC, SEQ
from lastseen.tables.points import (
    DELIVERED,
    DUPLICATED,
    LOST,
    MERGED,
    OUTSIDE,
    SPLIT,
    UNPROVEN,
    Hop,
    Point,
)

__all__ = ["PairView", "judge_hop"]

Int64s = npt.NDArray[np.int64]

_FATE_OF = np.zeros(5, np.uint8)
_FATE_OF[[EXACT, MERGED_INTO, SPLIT_INTO, REPEATED]] = DELIVERED, MERGED, SPLIT, DUPLICATED


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairView:
    """Two points seen in one direction: `up` sends, `down` should see. Indices are those of the matching.

    `members`: int64[k, 4], for each conversation of this hop: its group at up (-1 none) and at down, and which
    side of the group sends in this direction at up and at down. `partner`, `how`: of up's packets; `down_how` of
    down's. `offset_ns` is what down's clock is ahead of up's.
    """

    up: Point
    down: Point
    up_index: int
    down_index: int
    direction: int
    grouped_up: Grouped
    grouped_down: Grouped
    members: Int64s
    partner: npt.NDArray[np.int32]
    how: npt.NDArray[np.uint8]
    down_how: npt.NDArray[np.uint8]
    reverse_how: npt.NDArray[np.uint8]
    offset_ns: int


def judge_hop(view: PairView) -> Hop:
    """The fate of every packet `up` saw in this direction."""
    fate = np.zeros(len(view.up.group_of), np.uint8)
    rows = _sent(view.grouped_up, view.members, 0, 2)
    fate[rows] = _FATE_OF[view.how[rows]]
    times = view.up.capture.times_ns()
    delivered = rows[fate[rows] == DELIVERED]
    delays = view.down.capture.times_ns()[view.partner[delivered]] - times[delivered] - view.offset_ns
    missing = rows[fate[rows] == 0]
    if len(missing):
        fate[missing] = _judge_missing(view, missing, times, int(delays.max()) if len(delays) else 0)
        _believe_acknowledgments(view, missing, fate)
    rewritten, changed = _rewritten(view, delivered)
    down_rows = _sent(view.grouped_down, view.members, 1, 3)
    return Hop(
        upstream=view.up_index,
        downstream=view.down_index,
        direction=view.direction,
        fate=fate,
        partner=view.partner,
        delays_ns=delays,
        rewritten=rewritten,
        rewritten_packets=changed,
        reordered=_reordered(view),
        injected=int(np.count_nonzero(view.down_how[down_rows] == 0)),
    )


def _sent(grouped: Grouped, members: Int64s, group_column: int, sender_column: int) -> Int64s:
    """int64[m]: rows that the sending sides of all members sent, ascending."""
    lists = [
        grouped.of(int(member[group_column]), int(member[sender_column]))
        for member in members
        if member[group_column] >= 0
    ]
    return np.sort(np.concatenate(lists)) if lists else np.empty(0, np.int64)


def _judge_missing(
    view: PairView, missing: Int64s, times: Int64s, largest_delay: int
) -> npt.NDArray[np.uint8]:
    """LOST inside the watch of the downstream point, else OUTSIDE or UNPROVEN."""
    start, end = _watched(view.down)
    if start is None or end is None:
        return np.full(len(missing), UNPROVEN, np.uint8)
    arrival = times[missing] + view.offset_ns
    before, after = arrival + largest_delay < start, arrival > end + largest_delay
    verdict = np.full(len(missing), LOST, np.uint8)
    verdict[before | after] = UNPROVEN
    early, late = _missing_back(view, start, end)
    if early is not None:
        verdict[before & (arrival <= early)] = OUTSIDE
    if late is not None:
        verdict[after & (arrival >= late)] = OUTSIDE
    return verdict


def _watched(point: Point) -> tuple[int | None, int | None]:
    """The span in which the point certainly saw what passed, in its own clock."""
    starts = [t for t in (point.first_ns, point.watch.start_ns) if t is not None]
    ends = [t for t in (point.last_ns, point.watch.end_ns) if t is not None]
    return (min(starts) if starts else None), (max(ends) if ends else None)


def _missing_back(view: PairView, start: int, end: int) -> tuple[int | None, int | None]:
    """(latest, earliest) times in down's clock at which packets of the other direction, which up saw and which must
    have passed down, are missing at down although it had not begun or had ended.
    """
    back = view.members.copy()
    back[:, 2] ^= 1
    rows = _sent(view.grouped_up, back, 0, 2)
    unseen = rows[view.reverse_how[rows] == 0]
    at = view.up.capture.times_ns()[unseen] + view.offset_ns
    early, late = at[at < start], at[at > end]
    return (int(early.max()) if len(early) else None), (int(late.min()) if len(late) else None)


def _believe_acknowledgments(view: PairView, missing: Int64s, fate: npt.NDArray[np.uint8]) -> None:
    """A payload the far side acknowledged although no copy of it was seen downstream did get through: the capture
    lost it, not the network.
    """
    lost = missing[fate[missing] == LOST]
    if not len(lost):
        return
    group_of = view.up.group_of
    for member in view.members:
        if member[0] < 0 or member[1] < 0 or member[0] >= len(view.up.connections):
            continue
        mine = lost[group_of[lost] == member[0]]
        if len(mine):
            _excuse(view, member, mine, fate)


def _excuse(view: PairView, member: Int64s, mine: Int64s, fate: npt.NDArray[np.uint8]) -> None:
    up, down = view.up.capture.packets, view.down.capture.packets
    back = view.grouped_down.of(int(member[1]), int(member[3]) ^ 1)
    acks = down[back][(down[back, LENGTH_FLAGS] & FLAGS["A"]) > 0, ACK].astype(np.int64)
    if not len(acks):
        return
    seen = down[view.grouped_down.of(int(member[1]), int(member[3]))]
    for row in mine:
        size = int(up[row, LENGTH_FLAGS] >> 8)
        if not size:
            continue
        start = int(up[row, SEQ])
        acked = _signed(acks - (start + size)) >= 0
        if acked.any() and not _covers(seen, start, size):
            fate[row] = OUTSIDE


def _signed(difference: Int64s) -> Int64s:
    """Sequence distances as signed 32-bit numbers (RFC 9293, 3.4)."""
    return (difference + 0x80000000) % 0x100000000 - 0x80000000


def _covers(seen: npt.NDArray[np.uint32], start: int, size: int) -> bool:
    """Whether packets seen downstream carry the first and the last byte of the range (a retransmission did)."""
    starts = _signed(seen[:, SEQ].astype(np.int64) - start)
    ends = starts + (seen[:, LENGTH_FLAGS] >> 8).astype(np.int64)
    return bool(((starts <= 0) & (ends > 0)).any() and ((starts < size) & (ends >= size)).any())


def _rewritten(view: PairView, delivered: Int64s) -> tuple[dict[str, int], int]:
    """(packets changed, by field; packets with any change). TTL is left out: every router lowers it."""
    up, down = view.up.capture, view.down.capture
    one, other = up.packets[delivered], down.packets[view.partner[delivered]]
    flow_one, flow_other = _addresses(up.flows, one), _addresses(down.flows, other)
    window = np.uint32(0xFFFF)
    changed = {
        "ip.dsfield": ((one[:, MISC] ^ other[:, MISC]) >> 16 & 0xFF) != 0,
        "tcp.window_size_value": ((one[:, ID_WINDOW] ^ other[:, ID_WINDOW]) & window) != 0,
        "ip.addr": (flow_one[:, :8] != flow_other[:, :8]).any(axis=1),
        "port": flow_one[:, 8] != flow_other[:, 8],
    }
    any_change = np.logical_or.reduce(list(changed.values())) if len(delivered) else np.zeros(0, np.bool_)
    return {name: int(flags.sum()) for name, flags in changed.items() if flags.any()}, int(any_change.sum())


def _addresses(flows: npt.NDArray[np.uint32], packets: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """uint32[n, 9]: source address, destination address and ports of each packet, sender first."""
    flow = flows[packets[:, 2] >> 1]
    backward = (packets[:, 2] & 1).astype(np.bool_)
    result = np.empty((len(packets), 9), np.uint32)
    result[:, :8] = flow[:, FLOW_A : FLOW_A + 8]
    result[:, 8] = flow[:, 8]
    turned = flow[backward]
    result[backward, :4], result[backward, 4:8] = turned[:, 4:8], turned[:, 0:4]
    result[backward, 8] = (turned[:, 8] << 16) | (turned[:, 8] >> 16)
    return result


def _reordered(view: PairView) -> int:
    """Delivered packets that arrive after one sent later, within their side of a conversation."""
    count = 0
    for member in view.members:
        if member[0] < 0 or member[1] < 0:
            continue
        rows = view.grouped_up.of(int(member[0]), int(member[2]))
        places = view.partner[rows][view.how[rows] == EXACT]
        if len(places) > 1:
            count += int((places[1:] < np.maximum.accumulate(places)[:-1]).sum())
    return count
