"""Connections without a packet or payload in common that speak together: a proxy that ends TLS in between.

What it passes on cannot be compared, but goes on at once: a connection is opened after the client's, each request on it
follows bytes of the client, each answer is followed by bytes to the client, by turns. That is said where no other
connection fits as well and where exchanges placed at random would hardly ever fit; it relates, and proves nothing. A
proxy that shares connections to the server among clients is not found so, nor what is asked at regular times. Where the
proxy speaks TLS to the server, too, what its handshake says there is no request of the client's.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, permutations
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.matching.related import NEVER, are_compared, by_points, exchanges, packets_of, texts_of
from lastseen.tables.details import Details, column
from lastseen.tables.packets import FLOW, LENGTH_FLAGS, Capture
from lastseen.tables.points import Matching
from lastseen.tables.related import Related, Timed

__all__ = ["timed_connections", "timed_text"]

Int64s = npt.NDArray[np.int64]
Spans = Sequence[tuple[int, int]]

AT_ONCE_NS: Final = 50_000_000
"""A proxy reads and writes at once; an acknowledgment that Nagle's algorithm waits for takes so long (Linux
TCP_DELACK_MIN, 40 ms)."""
SIGNIFICANT: Final = 0.00001
"""Chance that any of the pairs tried fits by chance (Dunn 1961, Bonferroni's inequality). 0.05 is usual for what is
looked into further; this is said to users, and requests come less at random than the test takes them to do: where
recordings of real proxies with up to 20 clients were held against connections of other recordings, 0.0002 was reached
once in 44,000 times. Of relations that are right one in a hundred is not below this, one in twenty over a wire with
delay and loss."""
LEAST_EXCHANGES: Final = 3
"""Of up to 20 clients of a real proxy (Python's ssl) one half's connections in front of it, the other half's behind it
were looked at, 32 times: one pair with two exchanges seemed to belong together, none with three. What has fewer makes
nothing else doubtful, as it fits too easily."""
LEAST_CHANCE: Final = 1e-9
"""Less is not told: times are not known so well."""
MOST_SHIFTED: Final = 200
"""Requests of a connection for which chance is reckoned, the first ones: no more are needed."""
MOST_CONNECTIONS: Final = 500
"""Connections compared on each side, the first ones."""

HANDSHAKE_EXCHANGES: Final = 2
"""Exchanges that TLS itself may take: the hello, then what ends the handshake. With the latter the first request may go
along (RFC 8446, 2), but the answer begins with session tickets then, which nothing in front follows."""
FAREWELL_BYTES: Final = 31
"""close_notify, 2 bytes, in a record: with 22 more in TLS 1.3 (RFC 8446, 5.2), with 29 in 1.2 (RFC 5288, 3). The
shortest request, `GET / HTTP/1.0`, has 40."""
CONTROL_BYTES: Final = 55
"""Two WINDOW_UPDATE frames (RFC 9113, 6.9), of the stream and of the connection, in a record: what a client says in the
middle of an answer. A request as short may be one that repeats all fields of another (RFC 7541, 6.1)."""

_ROW, _ASKED, _ASKED_BYTES, _ANSWERED = 1, 2, 4, 5
_HANDSHAKE_RECORD: Final = 0x1603
_CLIENT_HELLO: Final = 1
"""Types of a TLS record, of any version 3, and of the message in it (RFC 8446, 5.1 and 4)."""


_Ask = tuple[int, int, int, int]
"""A request: the row of its first packet, its time, bytes, the time of the answer's first packet (NEVER: none)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Talk:
    """A connection as one point saw it, on the first point's clock, ns.

    `sent` and `heard`: times of all payloads of its client, with their rows, and of its server. `secured`: the client
    began with TLS's hello; what TLS itself says is none of `asks` then.
    """

    number: int
    begin: int
    asks: list[_Ask] = field(repr=False)
    sent: list[int] = field(repr=False)
    sent_rows: list[int] = field(repr=False)
    heard: list[int] = field(repr=False)
    secured: bool = False


def timed_connections(
    matching: Matching, details: Details, known: Sequence[Related] = ()
) -> tuple[Timed, ...]:
    """Pairs of connections, seen at no common point, that are related by timing; none of which `known` are part."""
    taken = {number for one in known for number in (one.front, one.back)}
    found: list[Timed] = []
    for (fronts, front_set), (backs, back_set) in permutations(by_points(matching), 2):
        if set(front_set) & set(back_set):
            continue
        ends = front_set[0], back_set[-1]
        ahead = (
            matching.offsets_ns[ends[0]] - matching.offsets_ns[ends[1]]
            if are_compared(matching, *ends)
            else 0
        )
        sides = (
            _talks(matching, details, (ends[0], fronts), ahead=0),
            _talks(matching, details, (ends[1], backs), ahead=ahead),
        )
        span = _common_span(matching, ends, ahead)
        free = tuple([talk for talk in talks if talk.number not in taken] for talks in sides)
        found += _timed((free[0], free[1]), ends, span)
    return tuple(sorted(_one_each(found), key=lambda one: (one.front, one.back)))


def _one_each(found: list[Timed]) -> Iterator[Timed]:
    """Those that no other one of another set of points makes doubtful."""
    fronts, backs = Counter(one.front for one in found), Counter(one.back for one in found)
    return (one for one in found if fronts[one.front] == 1 == backs[one.back])


def _common_span(matching: Matching, ends: tuple[int, int], ahead: int) -> int:
    """How long both points were captured at the same time, ns."""
    front, back = (matching.points[end] for end in ends)
    begin = max(front.first_ns or 0, (back.first_ns or 0) - ahead)
    return max(min(front.last_ns or 0, (back.last_ns or 0) - ahead) - begin, 1)


def _talks(matching: Matching, details: Details, seen: tuple[int, Int64s], *, ahead: int) -> list[_Talk]:
    """The conversations seen at a point, (its number, them), in whose clock `ahead` is too much."""
    number, conversations = seen[0], seen[1][:MOST_CONNECTIONS]
    point = matching.points[number]
    rows, starts, originator = packets_of(matching, number, conversations)
    packets, times = point.capture.packets, point.capture.times_ns() - ahead
    table = exchanges(packets, rows, starts, originator)
    said = []
    for place, conversation in enumerate(conversations.tolist()):
        mine = rows[starts[place] : starts[place + 1]]
        by_client = (packets[mine, FLOW] & 1) == originator[place]
        payload = packets[mine, LENGTH_FLAGS] >> 8 > 0
        asks = table[table[:, 0] == place][:, [_ROW, _ASKED, _ASKED_BYTES, _ANSWERED]]
        asks[:, [1, 3]] -= np.where(asks[:, [1, 3]] < NEVER, ahead, 0)
        said.append(
            _Talk(
                number=conversation,
                begin=int(times[mine[0]]),
                asks=[(row, asked, size, answered) for row, asked, size, answered in asks.tolist()],
                sent=times[mine[by_client & payload]].tolist(),
                sent_rows=mine[by_client & payload].tolist(),
                heard=times[mine[~by_client & payload]].tolist(),
            )
        )
    return list(_told_of_tls(said, point.capture, details))


def _told_of_tls(talks: list[_Talk], capture: Capture, details: Details) -> Iterator[_Talk]:
    """The same, those that begin with a client's hello told to be secured, and what TLS itself says there left out."""
    firsts = np.array([row for talk in talks for row in talk.sent_rows[:1]], np.int64)
    heads = column(details(capture, firsts), "payload_head")
    secured = set(firsts[(heads >> 40 == _HANDSHAKE_RECORD) & (heads >> 8 & 0xFF == _CLIENT_HELLO)].tolist())
    for talk in talks:
        if secured.isdisjoint(talk.sent_rows[:1]):
            yield talk
            continue
        asks = talk.asks[HANDSHAKE_EXCHANGES:]
        if asks and asks[-1][2] <= FAREWELL_BYTES:
            asks.pop()
        yield replace(talk, secured=True, asks=asks)


def _timed(sides: tuple[list[_Talk], list[_Talk]], ends: tuple[int, int], span: int) -> Iterator[Timed]:
    """Pairs that fit each other and nothing else, and hardly by chance."""
    fronts, backs = sides
    tried = len(fronts) * len(backs)
    fitting = [
        (front, back, waits)
        for back in backs
        if len(back.asks) >= LEAST_EXCHANGES
        for front in fronts
        if (waits := _waits(front, back))
    ]
    fits = Counter(talk.number for front, back, _ in fitting for talk in (front, back))
    for front, back, waits in fitting:
        if fits[front.number] > 1 or fits[back.number] > 1 or not _goes_on(front, back):
            continue
        both = max(there + after for there, after in waits)
        chance = _chance(front, back, waits=both, span=span)
        if chance * tried <= SIGNIFICANT:
            yield Timed(
                front=front.number,
                back=back.number,
                front_point=ends[0],
                back_point=ends[1],
                front_row=front.sent_rows[bisect_right(front.sent, back.asks[0][1]) - 1],
                back_row=back.asks[0][0],
                exchanges=len(back.asks),
                forward_ns=max(there for there, _ in waits),
                return_ns=max(after for _, after in waits),
                chance=chance,
                tried=tried,
            )


def _waits(front: _Talk, back: _Talk) -> list[tuple[int, int]]:
    """(from the client's bytes to the request, from its answer to bytes for the client) of each request of `back`.

    []: one of them is not AT_ONCE, or comes out of turn. Of a request that nobody answered nothing came back, 0.
    """
    waits: list[tuple[int, int]] = []
    answered_before = -1
    for _, asked, _, answered in back.asks:
        place = bisect_right(front.sent, asked) - 1
        if place < 0 or front.sent[place] <= answered_before or asked - front.sent[place] > AT_ONCE_NS:
            return []
        then = bisect_left(front.heard, answered)
        came = answered == NEVER or (then < len(front.heard) and front.heard[then] - answered <= AT_ONCE_NS)
        if not came:
            return []
        waits.append((asked - front.sent[place], 0 if answered == NEVER else front.heard[then] - answered))
        answered_before = answered
    return waits


def _goes_on(front: _Talk, back: _Talk) -> bool:
    """Whether `back` was opened after `front`, and all that the client sent from then on went on there.

    What is as short as what HTTP/2 says of itself may or may not be a request; so may what the client sends last of all
    (TLS's farewell, RFC 8446, 6.1), where it is not known to be one.
    """
    later = [size for _, asked, size, _ in front.asks if asked > back.asks[0][1]]
    certain = sum(size > CONTROL_BYTES or not front.secured for size in later)
    return back.begin >= front.begin and certain + front.secured <= len(back.asks) <= len(later) + 1


def _fitting(front: _Talk, ask: _Ask, waits: int) -> Iterator[tuple[int, int]]:
    """When a request as long as `ask` could have begun and waited no longer before and after it, as spans of time.

    That is a little too much, as each of the two waits may be so long.
    """
    _, asked, _, answered = ask
    begins = _joined([(at, at + waits + 1) for at in front.sent])
    if answered == NEVER:
        yield from begins
        return
    took = answered - asked
    yield from _common(begins, _joined([(at - took - waits, at - took + 1) for at in front.heard]))


def _chance(front: _Talk, back: _Talk, *, waits: int, span: int) -> float:
    """The probability that requests placed at random fit as well; 1 where they would a good while earlier or later.

    What comes at regular times fits anything else that does, once in a period.
    """
    chance, edges = 1.0, list[tuple[int, int]]()
    for ask in back.asks[:MOST_SHIFTED]:
        total = 0
        for begin, end in _fitting(front, ask, waits):
            total += end - begin
            for first, last in (
                (begin, min(end, ask[1] - AT_ONCE_NS)),
                (max(begin, ask[1] + AT_ONCE_NS), end),
            ):
                if first < last:
                    edges += [(first - ask[1], 1), (last - ask[1], -1)]
        chance *= min(total / span, 1)
    most = max(accumulate(step for _, step in sorted(edges)), default=0)
    return 1.0 if 2 * most > min(len(back.asks), MOST_SHIFTED) else chance


def _joined(spans: Spans) -> list[tuple[int, int]]:
    """Spans in order of their beginnings, those that overlap made one."""
    found: list[tuple[int, int]] = []
    for begin, end in spans:
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found


def _common(one: Spans, other: Spans) -> Iterator[tuple[int, int]]:
    """What two lists of spans have in common."""
    i = j = 0
    while i < len(one) and j < len(other):
        begin, end = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if begin < end:
            yield begin, end
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1


def timed_text(matching: Matching, found: Timed) -> str:
    """One sentence: what is related by timing, on what evidence."""
    front, back = texts_of(matching, found)
    places = matching.points[found.front_point].name, matching.points[found.back_point].name
    return (
        f"{front} at {places[0]} and {back} at {places[1]} are related by timing (no packet in common: a proxy that"
        f" ends TLS?): each of {found.exchanges} requests came within {found.forward_ns / 1e6:,.1f} ms of the client's"
        f" bytes, bytes for the client within {found.return_ns / 1e6:,.1f} ms of each answer; by chance at most once in"
        f" {1 / max(found.chance, LEAST_CHANCE):,.0f}, of {found.tried:,} pairs tried"
    )
