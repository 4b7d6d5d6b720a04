"""Connections without a packet in common of which one goes on with what the other asks: a proxy in between.

A proxy or a load balancer ends the client's connection and opens one of its own: other addresses, numbers and
identifications, so that nothing matches. What it passes on tells: the same request begins on its own connection after
it came in, and the answer came there before it went out to the client. Only requests that begin alike are compared,
and where more than one could be meant none is named.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lastseen.compiled import kernel
from lastseen.matching.ordering import ONE_WAY_NS, SAME_CLOCK_NS
from lastseen.matching.sightings import relative, time_of
from lastseen.tables.details import Details, column
from lastseen.tables.flow_text import group_texts
from lastseen.tables.packets import FLAGS, FLOW, FLOW_A, FLOW_B, FLOW_PORTS, LENGTH_FLAGS, SEQ
from lastseen.tables.points import Matching
from lastseen.tables.related import Related, Timed

__all__ = [
    "NEVER",
    "are_compared",
    "by_points",
    "exchanges",
    "packets_of",
    "related_connections",
    "related_text",
    "texts_of",
]

Int64s = npt.NDArray[np.int64]

MOST_CONNECTIONS: Final = 2_000
"""Connections looked at on each side, the first ones: as many as a diagnosis looks at one by one."""
MOST_REQUESTS: Final = 20_000
"""Requests compared on each side, the first ones: each is read from the file again."""
MOST_AT_ONCE: Final = 256
"""Requests that begin alike and wait at the same time, among which the one that was passed on is sought."""

AGREEING_RATIO: Final = 0.9
"""Requests that must fit for guessed clocks to be right: all do where they are, but for what a capture lacks. Behind
real proxies with 20 clients that all ask the same all fitted, and with the clock there 0.8 or 3.7 s ahead 15 to 27 in a
hundred."""

_OWNER, _ROW, _ASKED, _ASKED_LAST, _ASKED_BYTES, _ANSWERED, _ANSWER_BYTES, _UNTIL = range(8)
NEVER: Final = 1 << 62
"""When a request was answered that was not: after any time a capture can hold."""
_CLOSES: Final = FLAGS["F"] | FLAGS["R"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Asked:
    """The requests of some connections at a point.

    `table`: int64[n, 8]: the conversation, the row of the request's first packet, the times of its first and last
    packet, its bytes, the time of the answer's first packet (NEVER: none), its bytes, and until when the exchange
    lasted (NEVER: to the end of the capture). `lines`: int64[n], `payload_line` of the first packet.
    """

    table: Int64s = field(repr=False)
    lines: Int64s = field(repr=False)


def related_connections(matching: Matching, details: Details) -> tuple[Related, ...]:
    """Pairs of connections, seen at no common point, of which the second asks what the first one asks, by number."""
    found: list[Related] = []
    sets = by_points(matching)
    asked: dict[tuple[int, tuple[int, ...]], _Asked] = {}
    for (fronts, front_set), (backs, back_set) in permutations(sets, 2):
        if set(front_set) & set(back_set):
            continue
        ends = front_set[0], back_set[-1]
        for point, numbers, key in ((ends[0], fronts, front_set), (ends[1], backs, back_set)):
            if (point, key) not in asked:
                asked[point, key] = _asked(matching, point, numbers, details)
        pair = asked[ends[0], front_set], asked[ends[1], back_set]
        found += _between(matching, ends, pair)
    return tuple(sorted(_one_way(matching, found), key=lambda r: (r.front, r.back)))


def _between(matching: Matching, ends: tuple[int, int], asked: tuple[_Asked, _Asked]) -> list[Related]:
    """What is related between two points.

    Where their clocks are guessed and most requests do not fit then, those that many make would fit somewhere by
    chance; one that was made once is the same on both sides.
    """
    if are_compared(matching, *ends):
        ahead = matching.offsets_ns[ends[0]] - matching.offsets_ns[ends[1]]
        return _said(matching, ends, asked, ahead)
    guesses = tuple(_guesses(*asked))
    for shift in guesses:
        if _agreeing(matching, ends, asked, shift) >= AGREEING_RATIO:
            return _said(matching, ends, asked, shift)
    once = _only_once(*asked)
    return next((said for shift in guesses if (said := _said(matching, ends, once, shift))), [])


def _said(
    matching: Matching, ends: tuple[int, int], asked: tuple[_Asked, _Asked], shift: int
) -> list[Related]:
    """What is related if the second point's clock is ahead by `shift`, and the addresses allow."""
    return [one for one in _related(asked, ends, shift) if _can_be_two_sides(matching, one)]


def by_points(matching: Matching) -> list[tuple[Int64s, tuple[int, ...]]]:
    """(conversations whose client sent payload, the points that saw them), one a set of points; [] where all meet."""
    group = matching.conversations.group
    asking = np.zeros(len(group), np.bool_)
    for number, point in enumerate(matching.points):
        here = np.flatnonzero((group[:, number] >= 0) & (group[:, number] < len(point.connections)))
        asking[here] |= point.connections["bytes"][group[here, number], 0] > 0
    numbers = np.flatnonzero(asking)
    seen = group[numbers] >= 0
    if not len(numbers) or seen.all(axis=0).any():
        return []
    patterns, which = np.unique(seen, axis=0, return_inverse=True)
    return [
        (numbers[which.ravel() == n][:MOST_CONNECTIONS], tuple(np.flatnonzero(pattern).tolist()))
        for n, pattern in enumerate(patterns)
    ]


def _asked(matching: Matching, number: int, conversations: Int64s, details: Details) -> _Asked:
    """What the originators of these conversations asked, as a point saw it."""
    point = matching.points[number]
    table = exchanges(point.capture.packets, *packets_of(matching, number, conversations))[:MOST_REQUESTS]
    table[:, _OWNER] = conversations[table[:, _OWNER]]
    return _Asked(table=table, lines=column(details(point.capture, table[:, _ROW]), "payload_line"))


def packets_of(matching: Matching, number: int, conversations: Int64s) -> tuple[Int64s, Int64s, Int64s]:
    """Of some conversations at a point: (rows one conversation after the other by time, where each begins, originator).

    int64[m], int64[n + 1], int64[n].
    """
    point = matching.points[number]
    groups = matching.conversations.group[conversations, number]
    owner = np.full(point.group_count + 1, -1, np.int64)
    owner[groups] = np.arange(len(groups))
    rows = np.flatnonzero(owner[point.group_of] >= 0)
    of = owner[point.group_of[rows]]
    order = np.lexsort((point.capture.times_ns()[rows], of))
    starts = np.concatenate([[0], np.cumsum(np.bincount(of, minlength=len(groups)))])
    return rows[order], starts, point.connections["originator"][groups].astype(np.int64)


@kernel
def exchanges(packets: Any, rows: Any, starts: Any, originator: Any) -> Any:
    """int64[n, 8], see `_Asked`, of connections (the owner by its place) whose rows come in order of time.

    Repeated bytes are left out, and what the responder says before it is asked anything.
    """
    found = np.zeros((rows.size, 8), np.int64)
    n = -1
    reach = np.zeros(2, np.int64)
    base = np.zeros(2, np.int64)
    for c in range(originator.size):
        first, known, closed = n, np.zeros(2, np.bool_), False
        for i in range(starts[c], starts[c + 1]):
            row = packets[rows[i]]
            length, time = np.int64(row[LENGTH_FLAGS] >> 8), time_of(row)
            closed |= row[LENGTH_FLAGS] & _CLOSES != 0
            if n > first:
                found[n, _UNTIL] = time
            if not length:
                continue
            side = np.int64(row[FLOW] & 1) ^ originator[c]
            if not known[side]:
                known[side], base[side], reach[side] = True, np.int64(row[SEQ]), 0
            start = relative(row[SEQ], base[side])
            new = start + length - max(start, reach[side])
            if new <= 0:
                continue
            reach[side] = start + length
            if side == 0:
                if n == first or found[n, _ANSWER_BYTES]:
                    n += 1
                    found[n, _OWNER], found[n, _ROW], found[n, _ASKED] = c, rows[i], time
                    found[n, _ANSWERED] = NEVER
                found[n, _ASKED_LAST] = found[n, _UNTIL] = time
                found[n, _ASKED_BYTES] += new
            elif n > first:
                found[n, _ANSWERED] = min(found[n, _ANSWERED], time)
                found[n, _ANSWER_BYTES] += new
        if n > first and not closed:
            found[n, _UNTIL] = NEVER
    return found[: n + 1]


# ---- clocks ----
def _guesses(front: _Asked, back: _Asked) -> Iterator[int]:
    """What the second point's clock may be ahead of the first one's, ns, best first, where no way is shared.

    Both may agree, or else requests that each were made once tell: the one that was passed on began no earlier and was
    answered no later. One request alone would fit any other that took longer; it tells where all is as long and the
    clocks are nearly those of one host.
    """
    yield 0
    bounds = np.array(list(_bounds(front, back)), np.int64).reshape(-1, 3)
    if not len(bounds):
        return
    low, high = int(bounds[:, 0].max()), int(bounds[:, 1].min())
    nearest = min(max(0, low), high)
    if low <= high and len(bounds) > 1:
        yield (low + high) // 2
    elif low <= high and bounds[0, 2] and abs(nearest) <= ONE_WAY_NS:
        yield nearest


def _agreeing(matching: Matching, ends: tuple[int, int], asked: tuple[_Asked, _Asked], shift: int) -> float:
    """The ratio of requests asked on both sides, while both were captured, that can be the same; of the better side."""
    front, back = asked
    candidates = dict(_candidates(front, back, shift))
    fitting = {i for places in candidates.values() for i in places}, {j for j in candidates if candidates[j]}
    here, there = (matching.points[end] for end in ends)
    first = max(here.first_ns or 0, (there.first_ns or 0) - shift)
    last = min(here.last_ns or 0, (there.last_ns or 0) - shift)
    ratios = [0.0]
    for one, other, ahead, fits in ((front, back, 0, fitting[0]), (back, front, shift, fitting[1])):
        at = one.table[:, _ASKED] - ahead
        shared = (first <= at) & (at <= last) & (one.lines >= 0) & np.isin(one.lines, other.lines)
        mine = np.flatnonzero(shared).tolist()
        ratios += [len(fits.intersection(mine)) / len(mine)] if mine else []
    return max(ratios)


def _only_once(front: _Asked, back: _Asked) -> tuple[_Asked, _Asked]:
    """The requests of both that each were made once on either side."""
    ones, others = _once(front), _once(back)
    lines = sorted(ones.keys() & others.keys())
    sides = (front, [ones[line] for line in lines]), (back, [others[line] for line in lines])
    one, other = (_Asked(table=asked.table[places], lines=asked.lines[places]) for asked, places in sides)
    return one, other


def are_compared(matching: Matching, one: int, other: int) -> bool:
    """Whether hops lead from one point to the other."""
    reached, todo = {one}, [one]
    while todo:
        at = todo.pop()
        for hop in matching.hops:
            for here, there in ((hop.upstream, hop.downstream), (hop.downstream, hop.upstream)):
                if here == at and there not in reached:
                    reached.add(there)
                    todo.append(there)
    return other in reached


def _bounds(front: _Asked, back: _Asked) -> Iterator[tuple[int, int, bool]]:
    """Of each request asked once and answered on both sides: (least, largest) shift with which it was passed on.

    And whether it is as long on both.
    """
    ones, others = _once(front), _once(back)
    for line in ones.keys() & others.keys():
        one, other = front.table[ones[line]], back.table[others[line]]
        if other[_ANSWERED] < NEVER and one[_ANSWERED] < NEVER:
            low, high = int(other[_ANSWERED] - one[_ANSWERED]), int(other[_ASKED] - one[_ASKED])
            yield low, high, _as_long(front, ones[line], back, others[line])


def _once(asked: _Asked) -> dict[int, int]:
    """The place of each line that was asked once."""
    lines, first, counts = np.unique(asked.lines, return_index=True, return_counts=True)
    mine = (counts == 1) & (lines >= 0)
    return dict(zip(lines[mine].tolist(), first[mine].tolist(), strict=True))


# ---- requests passed on ----
def _related(pair: tuple[_Asked, _Asked], ends: tuple[int, int], shift: int) -> Iterator[Related]:
    """The connections that requests passed on join, with how far their clocks are apart."""
    front, back = pair
    joined: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for i, j in _passed_on(front, back, shift):
        joined[int(front.table[i, _OWNER]), int(back.table[j, _OWNER])].append((i, j))
    for (one, other), places in joined.items():
        i, j = max(places, key=lambda place: (_wait(front, place[0]) or 0, -place[0]))
        yield Related(
            front=one,
            back=other,
            front_point=ends[0],
            back_point=ends[1],
            front_row=int(front.table[i, _ROW]),
            back_row=int(back.table[j, _ROW]),
            front_wait_ns=_wait(front, i),
            back_wait_ns=_wait(back, j),
            exchanges=len(places),
            same_bytes=sum(_as_long(front, i, back, j) for i, j in places),
            clock_ahead_ns=shift,
        )


def _one_way(matching: Matching, found: list[Related]) -> Iterator[Related]:
    """Those that more requests do not deny, which go the other way between the same two addresses of a proxy.

    Stamps of one clock may be out of order for longer than a quick proxy takes, and of many clients that ask the same
    one's exchange may by chance fit into another one's behind the proxy.
    """
    ways: list[tuple[tuple[bytes, bytes], tuple[bytes, bytes]]] = []
    votes: dict[tuple[bytes, bytes], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for one in found:
        front, back = _ends(matching, one.front, one.front_point), _ends(matching, one.back, one.back_point)
        ways.append(((front[1], back[0]), (back[1], front[0])))
        requests, inside = votes[ways[-1][0]]
        votes[ways[-1][0]] = requests + one.exchanges, inside + _inside_ns(matching, one)
    return (one for one, (way, other) in zip(found, ways, strict=True) if votes[way] >= votes[other])


def _inside_ns(matching: Matching, found: Related) -> int:
    """How long before and after what was passed on the client's side waited, together."""
    asked, again = (
        int(time_of(matching.points[point].capture.packets[row]))
        for point, row in ((found.front_point, found.front_row), (found.back_point, found.back_row))
    )
    before = again - found.clock_ahead_ns - asked
    if found.front_wait_ns is None or found.back_wait_ns is None:
        return before
    return found.front_wait_ns - found.back_wait_ns


def _can_be_two_sides(matching: Matching, found: Related) -> bool:
    """Whether the addresses allow it.

    Connections between the same two hosts are two of one client, but for a proxy that keeps the ports, too. Those of
    one client to two servers may have been asked the same by chance, unless all is as long as well.
    """
    one = _ends(matching, found.front, found.front_point)
    other = _ends(matching, found.back, found.back_point)
    if one[0] != other[0]:
        return True
    if one[1] == other[1]:
        return one[2] == other[2]
    return found.same_bytes == found.exchanges


def _ends(matching: Matching, conversation: int, number: int) -> tuple[bytes, bytes, int]:
    """(originator's address, responder's, the ports, the originator's in the high half)."""
    point = matching.points[number]
    entry = point.connections[int(matching.conversations.group[conversation, number])]
    flow, responds_a = point.capture.flows[int(entry["flow"])], int(entry["originator"])
    ends = [flow[at : at + 4].tobytes() for at in (FLOW_A, FLOW_B)]
    ports = int(flow[FLOW_PORTS])
    if responds_a:
        return ends[1], ends[0], (ports & 0xFFFF) << 16 | ports >> 16
    return ends[0], ends[1], ports


def _wait(asked: _Asked, place: int) -> int | None:
    """From the end of a request to the beginning of its answer, ns."""
    answered = int(asked.table[place, _ANSWERED])
    return answered - int(asked.table[place, _ASKED_LAST]) if answered < NEVER else None


def _as_long(front: _Asked, i: int, back: _Asked, j: int) -> bool:
    one, other = front.table[i], back.table[j]
    return bool((one[[_ASKED_BYTES, _ANSWER_BYTES]] == other[[_ASKED_BYTES, _ANSWER_BYTES]]).all())


def _passed_on(front: _Asked, back: _Asked, shift: int) -> list[tuple[int, int]]:
    """(place in front, place in back) of requests that can have been passed on and no other one."""
    of_front: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for j, places in _candidates(front, back, shift):
        for i, _ in _only([(i, j) for i in places], front, back):
            of_front[i].append((i, j))
    return [pair for pairs in of_front.values() for pair in _answered_once(pairs, front, back)]


def _candidates(front: _Asked, back: _Asked, shift: int) -> Iterator[tuple[int, list[int]]]:
    """(place in back, the places in front that it can have come from) of each request that front knows."""
    waiting: dict[int, list[int]] = defaultdict(list)
    for i in np.argsort(front.table[:, _ASKED], kind="stable").tolist():
        waiting[int(front.lines[i])].append(i)
    for j, line in enumerate(back.lines.tolist()):
        if line >= 0 and line in waiting:
            yield j, list(_around(front, waiting[line], back.table[j], shift))


def _around(front: _Asked, places: Sequence[int], inner: Int64s, shift: int) -> Iterator[int]:
    """Those of `places`, in order of time, that were asked before `inner` and answered after it was.

    Stamps may be out of order a little, but what waits for another answer takes no less time than that does.
    """
    asked, answered = int(inner[_ASKED]) - shift, int(inner[_ANSWERED]) - shift
    last = bisect_right(places, asked + SAME_CLOCK_NS, key=lambda i: int(front.table[i, _ASKED]))
    for i in places[max(0, last - MOST_AT_ONCE) : last]:
        outer = front.table[i]
        ends = min(int(outer[_ANSWERED]), int(outer[_UNTIL]))
        in_time = inner[_ANSWERED] == NEVER or (
            answered <= int(outer[_ANSWERED]) + SAME_CLOCK_NS
            and answered - asked <= int(outer[_ANSWERED]) - int(outer[_ASKED])
        )
        if asked <= ends + SAME_CLOCK_NS and in_time:
            yield i


def _only(pairs: list[tuple[int, int]], front: _Asked, back: _Asked) -> list[tuple[int, int]]:
    """The one pair that fits; of several the one of equal length; [] where that leaves more than one."""
    if len(pairs) > 1:
        pairs = [(i, j) for i, j in pairs if _as_long(front, i, back, j)]
    return pairs if len(pairs) == 1 else []


def _answered_once(pairs: list[tuple[int, int]], front: _Asked, back: _Asked) -> Iterator[tuple[int, int]]:
    """Of those one request may have gone on as: the one that was answered, whatever was tried before, if it is one."""
    answered = [pair for pair in pairs if back.table[pair[1], _ANSWERED] < NEVER]
    yield from _only(answered or pairs, front, back)


# ---- in words ----
def texts_of(matching: Matching, found: Related | Timed) -> tuple[str, str]:
    """Both connections as the points nearest each other saw them, the originator first."""
    front, back = (
        group_texts(matching.points[point], [int(matching.conversations.group[conversation, point])])[0]
        for conversation, point in (
            (found.front, found.front_point),
            (found.back, found.back_point),
        )
    )
    return front, back


def related_text(matching: Matching, found: Related) -> str:
    """One sentence of what goes on where, and how long each side waited."""
    front, back = texts_of(matching, found)
    places = matching.points[found.front_point].name, matching.points[found.back_point].name
    what = f"{found.exchanges} requests were" if found.exchanges > 1 else "its request was"
    answer = "the slowest answer" if found.exchanges > 1 else "the answer"
    here, there = map(_waited, (found.front_wait_ns, found.back_wait_ns))
    return (
        f"{front} ends behind {places[0]} and goes on as {back} at {places[1]} (a proxy or load balancer, no packet in"
        f" common): {what} asked there again; {answer} came {here}, there {there}"
    )


def _waited(wait_ns: int | None) -> str:
    return "never" if wait_ns is None else f"after {wait_ns / 1e6:,.1f} ms"
