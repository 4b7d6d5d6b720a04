"""Order of the points on the path, and their clocks, from the packets they share.

A packet to the client is seen first at the point nearer the remote end, a packet to the remote end last. With
clocks `offset` apart and a travel time `delay` between two points, the two directions show offset + delay and
offset - delay: half their difference orders the points whatever the clocks say, half their sum sets the clocks
(the classic two-way time transfer, RFC 5905 section 8). TTL and encapsulation are better still, where they
differ, because they do not jitter.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.matching.grouping import Grouped
from lastseen.matching.middle import median
from lastseen.matching.pairs import NONE, Pairing
from lastseen.matching.shifts import NEARER
from lastseen.matching.travel import Travel
from lastseen.tables.points import CLIENT_TO_REMOTE, REMOTE_TO_CLIENT, Conversations

__all__ = ["Relation", "against_the_rest", "relate", "runs_on_one_clock"]

SAME_CLOCK_NS: Final = 50_000
"""Packets may seem to arrive this much before they were sent on one clock: capture threads stamp out of order
(the shared recordings show up to some tens of microseconds)."""

ONE_WAY_NS: Final = 100_000_000
"""Where only one direction was seen, clocks that agree to this are taken as one (several interfaces of one host);
no path inside a data centre takes longer."""


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


def relate(grouped: tuple[Grouped, Grouped], pairing: Pairing, travel: Travel) -> Relation:
    """Distance and clock offset of two points from their exactly paired packets."""
    hops = _router_hops(travel)
    distance, offset = _distance_and_offset(travel)
    known = (distance is not None or hops != 0) and not pairing.only_twins
    if distance is None:
        distance = 0.0 if hops else _by_what_is_missing(grouped, travel.sides, pairing)
    return Relation(distance_ns=distance, offset_ns=offset, pairs=travel.pairs, hops=hops, known=known)


def against_the_rest(both: Conversations, travel: Travel, relation: Relation) -> Int64s:
    """int64[k]: conversations whose originator is at the other end of the path than most others' is.

    Every packet of their originator takes the way (and the time) that the others' responders' packets take.
    """
    to_remote, to_client = travel.extremes[CLIENT_TO_REMOTE::2], travel.extremes[REMOTE_TO_CLIENT::2]
    nearer, farther = (to_client, to_remote) if relation.distance_ns > 0 else (to_remote, to_client)
    went, came = (times[:, 0] <= times[:, 1] for times in (to_remote, to_client))
    told = went & came
    turned = told & (nearer[:, 1] < farther[:, 0])
    if told.any():  # by itself one that was seen in one direction could be either
        first, last = _spans(to_remote[told]), _spans(to_client[told])
        gap = max(first[0] - last[1], last[0] - first[1])
        if gap > NEARER * max(first[1] - first[0], last[1] - last[0]):  # else jitter tells as little
            slack = gap // NEARER
            turned |= went & ~came & _lies_in(to_remote, last, slack)
            turned |= came & ~went & _lies_in(to_client, first, slack)
    return np.flatnonzero((both.group >= 0).all(axis=1))[turned]


def _spans(times: Int64s) -> tuple[int, int]:
    """(least, largest) of the times of several conversations, int64[k, 2]."""
    return int(times[:, 0].min()), int(times[:, 1].max())


def _lies_in(times: Int64s, span: tuple[int, int], slack: int) -> npt.NDArray[np.bool_]:
    """bool[k]: whether all times of a conversation lie in a span, or not far outside."""
    result: npt.NDArray[np.bool_] = (times[:, 0] >= span[0] - slack) & (times[:, 1] <= span[1] + slack)
    return result


def _by_what_is_missing(grouped: tuple[Grouped, Grouped], sides: Int64s, pairing: Pairing) -> float:
    """A mere sign, from who lacks packets of the one direction that was seen: what got lost had passed the other."""
    sign = 0
    for column, how in enumerate((pairing.p.how, pairing.q.how)):
        starts, rows = grouped[column].starts, grouped[column].rows
        for place, sender in sides[:, [column, 2]].tolist():
            missing = int(np.count_nonzero(how[rows[starts[place] : starts[place + 1]]] == NONE))
            sign += missing * (1 if (sender == REMOTE_TO_CLIENT) == (column == 0) else -1)
    return float(np.sign(sign))


def _router_hops(travel: Travel) -> int:
    """Median TTL lost from p to q by packets to the client; those to the remote end count the other way."""
    lost = np.concatenate([travel.sample[REMOTE_TO_CLIENT][:, 1], -travel.sample[CLIENT_TO_REMOTE][:, 1]])
    return int(median(lost)) if len(lost) else 0


def _distance_and_offset(travel: Travel) -> tuple[float | None, int]:
    to_remote, to_client = (sample[:, 0] for sample in travel.sample)
    if len(to_remote) and len(to_client):
        forward, back = median(to_client), median(to_remote)
        distance = (forward - back) / 2
        offset = 0 if _one_clock(travel, distance > 0) else int((forward + back) / 2)
        return distance, offset
    sender = REMOTE_TO_CLIENT if len(to_client) else CLIENT_TO_REMOTE
    one_way, sign = travel.sample[sender][:, 0], 1 if len(to_client) else -1
    if not len(one_way):
        return None, 0
    least, largest = travel.least_and_largest(sender)
    usual = median(one_way)  # what was lost and sent again may be paired with its repetition, much later
    if abs(usual) <= ONE_WAY_NS and (least > 0 or largest < 0):
        return sign * usual, 0
    return None, int(usual)


def runs_on_one_clock(travel: Travel) -> bool:
    """Whether the clocks of both points can be one, whichever is nearer the client."""
    return _one_clock(travel, client_side=True) or _one_clock(travel, client_side=False)


def _one_clock(travel: Travel, client_side: bool) -> bool:
    """Whether without any offset no packet arrives before it was sent: then there is no offset to explain."""
    remote_least, remote_largest = travel.least_and_largest(CLIENT_TO_REMOTE)
    client_least, client_largest = travel.least_and_largest(REMOTE_TO_CLIENT)
    forward, back = (client_least, -remote_largest) if client_side else (-client_largest, remote_least)
    return forward >= -SAME_CLOCK_NS and back >= -SAME_CLOCK_NS
