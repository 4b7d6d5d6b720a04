"""Order of the points on the path, and their clocks, from the packets they share.

A packet to the client is seen first at the point nearer the remote end, a packet to the remote end last. With
clocks `offset` apart and a travel time `delay` between two points, the two directions show offset + delay and
offset - delay: half their difference orders the points whatever the clocks say, half their sum sets the clocks
(the classic two-way time transfer, RFC 5905 section 8). TTL and encapsulation are better still, where they
differ, because they do not jitter.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.matching.grouping import Grouped
from lastseen.matching.pairing import NONE, PARTS, Pairing, in_parts, shared_sides, travel_summary
from lastseen.tables.points import CLIENT_TO_REMOTE, REMOTE_TO_CLIENT, Conversations

__all__ = ["Relation", "Travel", "against_the_rest", "relate", "travel_of"]

SAME_CLOCK_NS: Final = 50_000
"""Packets may seem to arrive this much before they were sent on one clock: capture threads stamp out of order
(the shared recordings show up to some tens of microseconds)."""

ONE_WAY_NS: Final = 100_000_000
"""Where only one direction was seen, clocks that agree to this are taken as one (several interfaces of one host);
no path inside a data centre takes longer."""


SAMPLE: Final = 50_000
"""Packets a median is taken of: more would not move it by what matters here."""

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """How point q lies to point p. `distance_ns` > 0: q is nearer the client.

    `offset_ns` is what q's clock is ahead of p's. `pairs`: packets this rests on, to remote and to client.
    """

    distance_ns: float
    offset_ns: int
    pairs: tuple[int, int]
    hops: int = 0
    """Routers from p to q for packets to the client (TTL at p minus TTL at q), 0 when it is unknown or equal."""
    known: bool = True
    """False: nothing but what is missing where tells the order."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Travel:
    """The times from p to q of exactly paired packets, clocks as they are.

    `sides`: int64[2 k, 3], see `shared_sides`, each conversation's client first. `extremes`: int64[2 k, 2], least and
    largest time of each side (least > largest: none). `pairs`: how many packets, by sender. `sample`: of each sender,
    int64[n, 2], time and TTL lost from p to q of evenly spread ones.
    """

    sides: Int64s = field(repr=False)
    extremes: Int64s = field(repr=False)
    pairs: tuple[int, int]
    sample: tuple[Int64s, Int64s] = field(repr=False)

    def least_and_largest(self, sender: int) -> tuple[int, int]:
        """Of all packets of one sender; the first is larger where there are none."""
        limits, mine = np.iinfo(np.int64), self.extremes[sender::2]
        return int(mine[:, 0].min(initial=limits.max)), int(mine[:, 1].max(initial=limits.min))


def travel_of(grouped: tuple[Grouped, Grouped], both: Conversations, pairing: Pairing) -> Travel:
    """The travel times between two points, a thread a part of the conversations."""
    sides, limits = shared_sides(both), np.iinfo(np.int64)
    p, q = grouped
    every = max(-(-int(np.diff(p.starts)[sides[:, 0]].sum()) // (2 * SAMPLE)), 1)
    extremes = np.empty((len(sides), 2), np.int64)
    extremes[:] = limits.max, limits.min
    parts = list(zip(in_parts(sides), in_parts(extremes), strict=True))
    rooms = [int(np.diff(p.starts)[part[:, 0]].sum()) // every + 1 for part, _ in parts]
    samples = [np.empty((2, room, 2), np.int64) for room in rooms]
    counts = [np.zeros((2, 2), np.int64) for _ in parts]

    def sum_up(n: int) -> None:
        travel_summary(
            p.packets, q.packets, parts[n][0], p.rows, p.starts, pairing.partner_p, pairing.how_p, every,
            parts[n][1], samples[n], counts[n],
        )  # fmt: skip

    with ThreadPoolExecutor(PARTS) as pool:
        list(pool.map(sum_up, range(len(parts))))
    to_remote, to_client = (
        np.concatenate([sample[s, : count[s, 1]] for sample, count in zip(samples, counts, strict=True)])
        for s in (CLIENT_TO_REMOTE, REMOTE_TO_CLIENT)
    )
    pairs = int(sum(count[0, 0] for count in counts)), int(sum(count[1, 0] for count in counts))
    return Travel(sides=sides, extremes=extremes, pairs=pairs, sample=(to_remote, to_client))


def relate(grouped: tuple[Grouped, Grouped], pairing: Pairing, travel: Travel) -> Relation:
    """Distance and clock offset of two points from their exactly paired packets."""
    hops = _router_hops(travel)
    distance, offset = _distance_and_offset(travel)
    known = distance is not None or hops != 0
    if distance is None:
        distance = 0.0 if hops else _by_what_is_missing(grouped, travel.sides, pairing)
    return Relation(distance_ns=distance, offset_ns=offset, pairs=travel.pairs, hops=hops, known=known)


def against_the_rest(both: Conversations, travel: Travel, relation: Relation) -> Int64s:
    """int64[k]: conversations whose originator is at the other end of the path than most others' is.

    Every packet of their originator takes the way (and the time) that the others' responders' packets take.
    """
    to_remote, to_client = travel.extremes[CLIENT_TO_REMOTE::2], travel.extremes[REMOTE_TO_CLIENT::2]
    nearer, farther = (to_client, to_remote) if relation.distance_ns > 0 else (to_remote, to_client)
    seen = (to_remote[:, 0] <= to_remote[:, 1]) & (to_client[:, 0] <= to_client[:, 1])
    return np.flatnonzero((both.group >= 0).all(axis=1))[seen & (nearer[:, 1] < farther[:, 0])]


def _by_what_is_missing(grouped: tuple[Grouped, Grouped], sides: Int64s, pairing: Pairing) -> float:
    """A mere sign, from who lacks packets of the one direction that was seen: what got lost had passed the other."""
    sign = 0
    for column, how in enumerate((pairing.how_p, pairing.how_q)):
        starts, rows = grouped[column].starts, grouped[column].rows
        for place, sender in sides[:, [column, 2]].tolist():
            missing = int(np.count_nonzero(how[rows[starts[place] : starts[place + 1]]] == NONE))
            sign += missing * (1 if (sender == REMOTE_TO_CLIENT) == (column == 0) else -1)
    return float(np.sign(sign))


def _router_hops(travel: Travel) -> int:
    """Median TTL lost from p to q by packets to the client; those to the remote end count the other way."""
    lost = np.concatenate([travel.sample[REMOTE_TO_CLIENT][:, 1], -travel.sample[CLIENT_TO_REMOTE][:, 1]])
    return int(np.median(lost)) if len(lost) else 0


def _distance_and_offset(travel: Travel) -> tuple[float | None, int]:
    to_remote, to_client = (sample[:, 0] for sample in travel.sample)
    if len(to_remote) and len(to_client):
        forward, back = float(np.median(to_client)), float(np.median(to_remote))
        distance = (forward - back) / 2
        offset = 0 if _one_clock(travel, distance > 0) else int((forward + back) / 2)
        return distance, offset
    sender = REMOTE_TO_CLIENT if len(to_client) else CLIENT_TO_REMOTE
    one_way, sign = travel.sample[sender][:, 0], 1 if len(to_client) else -1
    if not len(one_way):
        return None, 0
    least, largest = travel.least_and_largest(sender)
    if max(abs(least), abs(largest)) <= ONE_WAY_NS and (least > 0 or largest < 0):
        return sign * float(np.median(one_way)), 0
    return None, int(np.median(one_way))


def _one_clock(travel: Travel, client_side: bool) -> bool:
    """Whether without any offset no packet arrives before it was sent: then there is no offset to explain."""
    remote_least, remote_largest = travel.least_and_largest(CLIENT_TO_REMOTE)
    client_least, client_largest = travel.least_and_largest(REMOTE_TO_CLIENT)
    forward, back = (client_least, -remote_largest) if client_side else (-client_largest, remote_least)
    return forward >= -SAME_CLOCK_NS and back >= -SAME_CLOCK_NS
