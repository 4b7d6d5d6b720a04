"""Order of the points on the path, and their clocks, from the packets they share.

A packet to the client is seen first at the point nearer the remote end, a packet to the remote end last. With
clocks `offset` apart and a travel time `delay` between two points, the two directions show offset + delay and
offset - delay: half their difference orders the points whatever the clocks say, half their sum sets the clocks
(the classic two-way time transfer, RFC 5905 section 8). TTL and encapsulation are better still, where they
differ, because they do not jitter.
"""

from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from lastseen.matching.grouping import Grouped
from lastseen.matching.pairing import NONE, Pairing, shared_sides, travel_extremes, travel_times
from lastseen.tables.packets import MISC, PacketRows
from lastseen.tables.points import CLIENT_TO_REMOTE, REMOTE_TO_CLIENT, Conversations

__all__ = ["Relation", "against_the_rest", "relate"]

SAME_CLOCK_NS: Final = 50_000
"""Packets may seem to arrive this much before they were sent on one clock: capture threads stamp out of order
(the shared recordings show up to some tens of microseconds)."""

ONE_WAY_NS: Final = 100_000_000
"""Where only one direction was seen, clocks that agree to this are taken as one (several interfaces of one host);
no path inside a data centre takes longer."""


SAMPLE: Final = 50_000
"""Packets a median is taken of: more would not move it by what matters here."""

Int64s = npt.NDArray[np.int64]
Number = TypeVar("Number", bound=np.generic)


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


def relate(grouped: tuple[Grouped, Grouped], both: Conversations, pairing: Pairing) -> Relation:
    """Distance and clock offset of two points from their exactly paired packets."""
    p, q = grouped[0].packets, grouped[1].packets
    sides = shared_sides(both)
    travel, rows, sender = travel_times(grouped, sides, pairing.partner_p, pairing.how_p)
    to_remote, to_client = travel[sender == CLIENT_TO_REMOTE], travel[sender == REMOTE_TO_CLIENT]
    hops = _router_hops(p, q, (rows, pairing.partner_p[rows], sender))
    distance, offset = _distance_and_offset(to_remote, to_client)
    known = distance is not None or hops != 0
    if distance is None:
        distance = 0.0 if hops else _by_what_is_missing(grouped, sides, pairing)
    pairs = len(to_remote), len(to_client)
    return Relation(distance_ns=distance, offset_ns=offset, pairs=pairs, hops=hops, known=known)


def against_the_rest(
    grouped: tuple[Grouped, Grouped], both: Conversations, pairing: Pairing, relation: Relation
) -> Int64s:
    """int64[k]: conversations whose originator is at the other end of the path than most others' is.

    Every packet of their originator takes the way (and the time) that the others' responders' packets take.
    """
    sides, limits = shared_sides(both), np.iinfo(np.int64)
    extremes = np.empty((len(sides), 2), np.int64)
    extremes[:] = limits.max, limits.min
    p, q = grouped
    travel_extremes(p.packets, q.packets, sides, p.rows, p.starts, pairing.partner_p, pairing.how_p, extremes)
    to_remote, to_client = extremes[CLIENT_TO_REMOTE::2], extremes[REMOTE_TO_CLIENT::2]
    nearer, farther = (to_client, to_remote) if relation.distance_ns > 0 else (to_remote, to_client)
    seen = (to_remote[:, 0] < limits.max) & (to_client[:, 0] < limits.max)
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


def _router_hops(
    p: PacketRows, q: PacketRows, paired: tuple[Int64s, npt.NDArray[np.int32], npt.NDArray[np.uint8]]
) -> int:
    """Median TTL lost from p to q by packets to the client; those to the remote end count the other way."""
    rows, partners, sender = (_sample(column) for column in paired)
    ttl_p = (p[rows, MISC] >> 8 & 0xFF).astype(np.int64)
    ttl_q = (q[partners, MISC] >> 8 & 0xFF).astype(np.int64)
    lost = np.where(sender == REMOTE_TO_CLIENT, ttl_p - ttl_q, ttl_q - ttl_p)
    return int(np.median(lost)) if len(lost) else 0


def _sample(values: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """At most SAMPLE of them, evenly spread."""
    return values[:: -(-len(values) // SAMPLE)] if len(values) > SAMPLE else values


def _distance_and_offset(
    to_remote: npt.NDArray[np.int64], to_client: npt.NDArray[np.int64]
) -> tuple[float | None, int]:
    if len(to_remote) and len(to_client):
        forward, back = _median(to_client), _median(to_remote)
        distance = (forward - back) / 2
        offset = 0 if _one_clock(to_remote, to_client, distance > 0) else int((forward + back) / 2)
        return distance, offset
    one_way = to_client if len(to_client) else -to_remote
    if len(one_way) and abs(one_way).max() <= ONE_WAY_NS and (one_way.min() > 0 or one_way.max() < 0):
        return _median(one_way), 0
    return None, int(_median(to_client if len(to_client) else to_remote)) if len(one_way) else 0


def _one_clock(to_remote: npt.NDArray[np.int64], to_client: npt.NDArray[np.int64], client_side: bool) -> bool:
    """Whether without any offset no packet arrives before it was sent: then there is no offset to explain."""
    forward, back = (to_client, -to_remote) if client_side else (-to_client, to_remote)
    return bool(forward.min() >= -SAME_CLOCK_NS and back.min() >= -SAME_CLOCK_NS)


def _median(values: npt.NDArray[np.int64]) -> float:
    return float(np.median(_sample(values)))
