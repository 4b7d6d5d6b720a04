"""What became of each packet between two neighbouring points: delivered, lost, unproven or outside.

Absence from a capture is no loss by itself. A packet is called lost only where the downstream point was certainly
watching when it should have come by: between its first and last packet, or before a moment at which something proves
that the capture still ran. Beyond that it is unproven; where packets of the other direction, which must have passed
that point, are missing there as well, the capture was over: outside. A capture that ended by itself, at its bound, say,
ended at a packet, not at a moment: what its host had still in hand is missing whatever its time.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lastseen.compiled import FETCHED_AHEAD, fetch_ahead, packet_kernel, step_kernel
from lastseen.matching.excuses import GOT_LOST, GOT_THROUGH, LATER_NS, NOT_SAID, what_ends_say
from lastseen.matching.grouping import Grouped
from lastseen.matching.pairs import EXACT, IN_ORDER, MERGED_INTO, NONE, REPEATED, SPLIT_INTO, TWIN, Pairing
from lastseen.matching.rewritten import FIELDS, changes_of, count_changes, flow_changes_of
from lastseen.matching.sightings import LONG_AGO, time_of
from lastseen.matching.stand_ins import replaced_by_others
from lastseen.tables.packets import FLAGS, FLOW, LENGTH_FLAGS, NO_FLOW
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

__all__ = ["QUEUED_NS", "PairView", "judge_hop"]

Int64s = npt.NDArray[np.int64]

_FATE_OF: Final = np.zeros(6, np.uint8)
_FATE_OF[[EXACT, TWIN, MERGED_INTO, SPLIT_INTO, REPEATED]] = DELIVERED, DELIVERED, MERGED, SPLIT, DUPLICATED

_RST: Final = FLAGS["R"]
_PSH: Final = FLAGS["P"]
_ACK: Final = FLAGS["A"]

FEW: Final = 2
"""So many packets missing at the very end are no traffic that went on: a reset that answers the last packet, a FIN
behind it. Captures of long paths that were stopped while much was under way lacked tens to hundreds."""
QUEUED_NS: Final = 200_000_000
"""So long a host may keep a packet that has its time and is not captured yet. Linux stamps what it receives when it
queues it (net.core.netdev_tstamp_prequeue) and what it sends when it captures it; a busy host's queue waits its turn as
any process does. What is kept for longer its sender repeats (TCP_RTO_MIN)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairView:
    """Two points seen in one direction: `up` sends, `down` should see. Indices are those of the matching.

    `members`: int64[k, 5], for each conversation of this hop: its group at up and at down (-1 none), which side of
    the group sends in this direction at up and at down, and the fate (an element of FATES) of what `down` should have
    seen and did not, should its watch not say otherwise: LOST, or OUTSIDE where its filter excludes the conversation,
    UNPROVEN where it may.
    `offset_ns` is what down's clock is ahead of up's.
    """

    up: Point
    down: Point
    up_index: int
    down_index: int
    direction: int
    grouped_up: Grouped = field(repr=False)
    grouped_down: Grouped = field(repr=False)
    members: Int64s = field(repr=False)
    pairing: Pairing = field(repr=False)
    offset_ns: int


def judge_hop(view: PairView) -> Hop:
    """The fate of every packet `up` saw in this direction."""
    up, down, pairing = view.grouped_up, view.grouped_down, view.pairing
    fate, walked = _walked(view)
    missing, missed, proven = walked.missing, 0, np.empty(0, np.int64)
    if len(missing):
        fate[missing] = _judge_missing(view, walked)
        lost = np.sort(missing[fate[missing] == LOST])
        said_of, said = what_ends_say(
            up, down, pairing, _group_of(view.up, lost), members=view.members, offset_ns=view.offset_ns
        )
        got_through, proven = said_of[said == GOT_THROUGH], said_of[said == GOT_LOST]
        fate[got_through] = OUTSIDE
        missed = len(got_through)
        changed = replaced_by_others(
            (view.up.capture, view.down.capture), (up, down), pairing,
            lost=_group_of(view.up, lost[np.isin(lost, said_of[said != NOT_SAID], invert=True)]),
            members=view.members, delays_ns=walked.delays, offset_ns=view.offset_ns,
        )  # fmt: skip
        fate[changed] = UNPROVEN
        arrived = (DELIVERED, MERGED, SPLIT)
        if not any((fate == one).any() for one in arrived):  # np.isin takes 15 ms a million
            _of_one_direction(view, fate, missing, arrived=missed > 0)
    injected, unseen = _of_down_alone(view, walked)
    return Hop(
        upstream=view.up_index,
        downstream=view.down_index,
        direction=view.direction,
        fate=fate,
        partner=pairing.p.partner,
        delays_ns=walked.delays,
        rewritten={name: int(count) for name, count in zip(FIELDS, walked.changed, strict=False) if count},
        rewritten_packets=int(walked.changed[-1]),
        reordered=walked.reordered,
        injected=injected,
        missed=missed,
        unseen=unseen,
        guessed=_is_guessed(view, fate, walked),
        proven=proven,
    )


def _is_guessed(view: PairView, fate: npt.NDArray[np.uint8], walked: "_Walked") -> bool:
    """Whether twins alone arrived in this direction, or tell how the points lie: which is missing then, is a guess."""
    return view.pairing.only_twins or (walked.first > walked.last and bool((fate == DELIVERED).any()))


def _of_down_alone(view: PairView, walked: "_Walked") -> tuple[int, int]:
    """(packets that up never saw, those of them that certainly passed while up's capture ran)."""
    up, down, delays = view.grouped_up, view.grouped_down, walked.delays
    span = (0, 0)
    if len(delays):
        span = (
            _bounded(walked.first + view.offset_ns + int(delays.max())),
            _bounded(walked.last + view.offset_ns + int(delays.min())),
        )
    injected, unseen = _unpaired(
        down.packets, down.rows, down.starts, up.packets, up.rows, up.starts,
        view.members, view.pairing.q.how, view.pairing.q.in_step,
        down.connections, *span,
    )  # fmt: skip
    return int(injected), int(unseen)


def _of_one_direction(view: PairView, fate: npt.NDArray[np.uint8], rows: Int64s, *, arrived: bool) -> None:
    """Judge the missing `rows` where down has nothing of this direction: it may be a capture of the other one only.

    It is where some of this direction arrived all the same. Datagrams, which nobody acknowledges, may have arrived
    where down has what was sent back.
    """
    if arrived:
        fate[rows] = OUTSIDE
        return
    down = view.grouped_down
    datagrams = view.members[(view.members[:, 0] >= view.grouped_up.connections) & (view.members[:, 1] >= 0)]
    back = 2 * datagrams[:, 1] + 1 - datagrams[:, 3]
    answered = datagrams[down.starts[back + 1] > down.starts[back], 0]
    doubtful = rows[np.isin(view.up.group_of[rows], answered)]
    fate[doubtful[fate[doubtful] == LOST]] = UNPROVEN


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Walked:
    """What the packets of a hop show.

    `missing`: int64[k], rows without a partner; `by_default`: uint8[k], the fate of their members; `first` and `last`:
    when up saw packets that reached down, ns (first > last: none).
    """

    delays: Int64s
    missing: Int64s
    by_default: npt.NDArray[np.uint8]
    changed: Int64s
    reordered: int
    first: int
    last: int


def _walked(view: PairView) -> tuple[npt.NDArray[np.uint8], _Walked]:
    """(fates of the packets with a partner, the rest)."""
    up, limits = view.grouped_up, np.iinfo(np.int64)
    places = 2 * view.members[:, 0] + view.members[:, 2]
    room = int((up.starts[places + 1] - up.starts[places]).sum())
    fate, changed = np.zeros(len(up.packets), np.uint8), np.zeros(len(FIELDS) + 1, np.int64)
    delays, missing, by_default = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.uint8)
    found = np.array([0, 0, 0, limits.max, limits.min], np.int64)
    _walk(
        view.up.capture.packets, view.up.capture.flows, up.rows, up.starts,
        view.down.capture.packets, view.down.capture.flows, view.grouped_down.rows, view.grouped_down.starts,
        view.members, view.pairing.p.partner, view.pairing.p.how, view.pairing.p.in_step, view.offset_ns,
        fate, delays, missing, by_default, found, changed,
    )  # fmt: skip
    count, gone, reordered, first, last = found.tolist()
    return fate, _Walked(
        delays=delays[:count],
        missing=missing[:gone],
        by_default=by_default[:gone],
        changed=changed,
        reordered=reordered,
        first=first,
        last=last,
    )


def _group_of(point: Point, rows: Int64s) -> Int64s:
    """int64[n, 2]: rows with their groups."""
    return np.stack([rows, point.group_of[rows].astype(np.int64)], axis=1)


@step_kernel
def _walk(
    packets: Any, flows: Any, rows: Any, starts: Any, down_packets: Any, down_flows: Any, down_rows: Any,
    down_starts: Any, members: Any, partner: Any, how: Any, in_step: Any, offset: Any,
    fate: Any, delays: Any, missing: Any, by_default: Any, found: Any, changed: Any,
) -> None:  # fmt: skip
    """Fill `fate` where a packet has a partner.

    `found`: how many `delays` and `missing` (rows, with their members' fates in `by_default`) there are, how many
    packets came reordered, first and last time of those delivered. Times of twins are a guess and left out.
    """
    delivered, gone, reordered, first, last = found[0], found[1], found[2], found[3], found[4]
    for m in range(members.shape[0]):
        place, latest, flow_changes = 2 * members[m, 0] + members[m, 2], LONG_AGO, 0
        before, other_before = np.uint32(NO_FLOW), np.uint32(NO_FLOW)
        ordered = in_step[place] == IN_ORDER
        ahead = down_starts[2 * members[m, 1] + members[m, 3]] - starts[place] if ordered else np.int64(0)
        for i in range(starts[place], starts[place + 1]):
            row, following = rows[i], min(i + FETCHED_AHEAD, starts[place + 1] - 1)
            fetch_ahead(packets, rows[following])
            fetch_ahead(how, rows[following])
            if ordered:
                fetch_ahead(down_packets, down_rows[following + ahead])
            fate[row] = _FATE_OF[how[row]]
            if how[row] == NONE:
                missing[gone], by_default[gone] = row, members[m, 4]
                gone += 1
            elif how[row] == EXACT or how[row] == TWIN:
                # in order the next one of the list: it can be fetched without waiting for `partner`
                sighting = down_rows[i + ahead] if ordered else np.int64(partner[row])
                one, other = packets[row], down_packets[sighting]
                if one[FLOW] != before or other[FLOW] != other_before:
                    before, other_before = one[FLOW], other[FLOW]
                    flow_changes = flow_changes_of(
                        one, flows[before >> 1], other, down_flows[other_before >> 1]
                    )
                changes = changes_of(one, other, flow_changes)
                if changes:
                    count_changes(changes, changed)
                if how[row] == EXACT:
                    time, seen = time_of(one), time_of(other)
                    delays[delivered] = seen - time - offset
                    delivered += 1
                    first, last = min(first, time), max(last, time)
                    reordered += seen < latest
                    latest = max(latest, seen)
    found[0], found[1], found[2], found[3], found[4] = delivered, gone, reordered, first, last


@packet_kernel
def _shape(row: Any) -> Any:
    """What filters on flags and lengths tell apart: a mere acknowledgment, others without payload, pushed, not."""
    flags = row[LENGTH_FLAGS]
    if flags >> 8:
        return 4 if flags & _PSH else 8
    return 1 if flags == _ACK else 2


@step_kernel
def _unpaired(
    packets: Any, rows: Any, starts: Any, up_packets: Any, up_rows: Any, up_starts: Any, members: Any, how: Any,
    in_step: Any, connections: Any, begin: Any, end: Any,
) -> Any:  # fmt: skip
    """(packets of down that up never saw, how many of them were not made on the way and came from `begin` to `end`).

    Not made on the way are those of TCP connections most of whose packets both points have, resets left out; and those
    of shapes of which up has none, as a filter left them out.
    """
    count, unseen = 0, 0
    for m in range(members.shape[0]):
        place, above = 2 * members[m, 1] + members[m, 3], 2 * members[m, 0] + members[m, 2]
        if members[m, 1] < 0 or in_step[place]:
            continue
        alone, sure, shapes = 0, 0, 0
        for i in range(starts[place], starts[place + 1]):
            row = packets[rows[i]]
            if how[rows[i]] == NONE:
                alone += 1
                sure += not row[LENGTH_FLAGS] & _RST and begin < time_of(row) < end
                shapes |= _shape(row)
        count += alone
        if sure and members[m, 1] < connections:
            if 2 * alone >= starts[place + 1] - starts[place]:
                for i in range(up_starts[above], up_starts[above + 1]):
                    if shapes & _shape(up_packets[up_rows[i]]):
                        sure = 0
                        break
            unseen += sure
    return count, unseen


def _judge_missing(view: PairView, walked: _Walked) -> npt.NDArray[np.uint8]:
    """The members' fate inside the watch of the downstream point, else OUTSIDE or UNPROVEN.

    The watch begins with what was sent after down's first packet. It ends the largest delay after down's last one, or
    where something else proves that the capture ran on; never later than the capture says itself that it was ended.
    What was sent before others that did reach down would have been seen there, however long its way is. Where more than
    a FEW were under way when the capture may have ended, traffic was going on: then these are lost only where the other
    end's answers would tell that the capture was over, see `_answers_tell`. Where the run says that the capture was
    cut, its end is drawn in by what the host may have had in its queues, of which only those of one connection are
    known to keep their order.
    """
    watched = _watched(view.down)
    if watched is None:
        placed = view.down.given_order is not None and not view.down.watch.is_cut
        return walked.by_default if placed else np.full(len(walked.missing), UNPROVEN, np.uint8)
    sent, (start, end) = view.grouped_up.times_ns(walked.missing), watched
    at, largest_delay = sent + view.offset_ns, max(int(walked.delays.max(initial=0)), 0)
    early, late = _missing_back(view, start, min(end, _last(view.down, end)))
    is_over = (
        late < np.iinfo(np.int64).max
    )  # a snapshot shows that the host was up, this that tcpdump was not
    before, last = (at < start) & (sent <= walked.first), _last(view.down, end)
    if view.down.watch.is_cut:
        until = last - max(largest_delay, QUEUED_NS)
        after = (at > until) & (sent >= _last_of_each(view, walked.missing))
    else:
        until = _until(view.down, last if is_over else end, largest_delay)
        after = (at > until) & (sent >= min(walked.last, last - view.offset_ns))
        if not is_over:
            closing = end if view.down.watch.is_closed else last + largest_delay
            told = after & (at <= closing)
            if told.sum() <= FEW:
                after[told] = False
            else:
                after[told] = ~_answers_tell(view, walked.missing[told], largest_delay)
    verdict = walked.by_default.copy()
    verdict[(before | after) & (verdict == LOST)] = UNPROVEN
    verdict[(before & (at <= early)) | (after & (at >= late))] = OUTSIDE
    _count_out(view.down, verdict, at)
    return verdict


def _until(down: Point, end: int, largest_delay: int) -> int:
    """Until when what was sent to down would be in its capture, ns by its clock; `end`: until when that ran."""
    proven = end > _last(down, end) and not down.watch.is_closed
    return end if proven else end - largest_delay


def _answers_tell(view: PairView, rows: Int64s, largest_delay: int) -> npt.NDArray[np.bool_]:
    """bool[n]: whether up would have seen the answers to these packets, had they arrived after down's capture ended.

    That is so of connections whose other direction both points see, and while up runs on for long enough.
    """
    up, how = view.grouped_up, view.pairing.p.how
    group_of, result = view.up.group_of[rows], np.zeros(len(rows), np.bool_)
    in_time = up.times_ns(rows) + 2 * largest_delay + LATER_NS <= _last(view.up, 0)
    of_these = np.isin(view.members[:, 0], group_of) & (view.members[:, 0] < up.connections)
    for group, side in view.members[of_these][:, (0, 2)].tolist():
        place = 2 * group + 1 - side
        seen = (how[up.rows[up.starts[place] : up.starts[place + 1]]] == EXACT).any()
        result[group_of == group] = seen
    return result & in_time


def _last_of_each(view: PairView, missing: Int64s) -> Int64s:
    """int64[n], ns: when up saw the last packet that reached down of the connection each missing row belongs to."""
    up, how = view.grouped_up, view.pairing.p.how
    group_of = view.up.group_of[missing]
    result = np.full(len(missing), LONG_AGO, np.int64)
    for group, side in view.members[np.isin(view.members[:, 0], group_of)][:, (0, 2)].tolist():
        place = 2 * group + side
        rows = up.rows[up.starts[place] : up.starts[place + 1]].astype(np.int64)
        arrived = rows[np.isin(how[rows], (EXACT, MERGED_INTO, SPLIT_INTO))]
        result[group_of == group] = up.times_ns(arrived).max(initial=LONG_AGO)
    return result


def _count_out(down: Point, fates: npt.NDArray[np.uint8], at: Int64s) -> None:
    """Call lost what neither a filter nor the capture's span can have hidden: down's interface counted fewer packets.

    `at`: int64[n], ns, when the missing packets should have come by.
    """
    begin, end = down.watch.counted_ns
    hidden = (fates == UNPROVEN) & (begin <= at) & (at <= end)
    if down.watch.uncaptured is not None and hidden.sum() > down.watch.uncaptured:
        fates[hidden] = LOST


def _watched(point: Point) -> tuple[int, int] | None:
    """The span in which the point certainly saw what passed, in its own clock; None: nothing tells."""
    starts = [t for t in (point.first_ns, point.watch.start_ns) if t is not None]
    ends = [t for t in (point.last_ns, point.watch.end_ns) if t is not None]
    return (min(starts), max(ends)) if starts and ends else None


def _last(point: Point, otherwise: int) -> int:
    """When a point saw its last packet."""
    return otherwise if point.last_ns is None else point.last_ns


def _bounded(time_ns: int) -> int:
    """The time as 64 bits can hold it: damaged clocks differ by more than they can."""
    limits = np.iinfo(np.int64)
    return max(min(time_ns, int(limits.max)), int(limits.min))


@step_kernel
def _back(
    packets: Any, rows: Any, starts: Any, members: Any, how: Any, in_step: Any, start: Any, end: Any
) -> Any:
    """(latest before `start`, earliest after `end`) times of packets missing that the other side sent."""
    early, late = np.iinfo(np.int64).min, np.iinfo(np.int64).max
    for m in range(members.shape[0]):
        place = 2 * members[m, 0] + (1 - members[m, 2])
        paired = False
        if in_step[place]:
            continue
        for i in range(starts[place], starts[place + 1]):
            paired |= how[rows[i]] == EXACT
        for i in range(starts[place], starts[place + 1]):
            if paired and how[rows[i]] == NONE and not packets[rows[i], LENGTH_FLAGS] & _RST:
                time = time_of(packets[rows[i]])
                if time < start:
                    early = max(early, time)
                elif time > end:
                    late = min(late, time)
    return early, late


def _missing_back(view: PairView, start: int, end: int) -> tuple[int, int]:
    """(latest before, earliest after) times, in down's clock, that prove its capture had not begun or was over.

    Then up saw packets of the other direction, which must have passed down, and they are missing there, although
    others of their connection are not. A RST need not have passed down: a firewall between the two may have sent it.
    """
    offset = view.offset_ns
    early, late = _back(
        view.grouped_up.packets, view.grouped_up.rows, view.grouped_up.starts, view.members, view.pairing.p.how,
        view.pairing.p.in_step, _bounded(start - offset), _bounded(end - offset),
    )  # fmt: skip
    limits = np.iinfo(np.int64)
    return early + offset if early > limits.min else early, late + offset if late < limits.max else late
