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
from lastseen.matching.pairing import EXACT, Pairing
from lastseen.tables.packets import MISC
from lastseen.tables.points import CLIENT_TO_REMOTE, REMOTE_TO_CLIENT, Conversations, Point

__all__ = ["Relation", "relate"]

SAME_CLOCK_NS: Final = 50_000
"""Packets may seem to arrive this much before they were sent on one clock: capture threads stamp out of order
(the shared recordings show up to some tens of microseconds)."""

ONE_WAY_NS: Final = 100_000_000
"""Where only one direction was seen, clocks that agree to this are taken as one (several interfaces of one host);
no path inside a data centre takes longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """How point q lies to point p. `distance_ns` > 0: q is nearer the client; None: no way to tell.

    `offset_ns` is what q's clock is ahead of p's. `pairs`: packets this rests on, to remote and to client.
    """

    distance_ns: float | None
    offset_ns: int
    pairs: tuple[int, int]
    hops: int = 0
    """Routers from p to q for packets to the client (TTL at p minus TTL at q), 0 when it is unknown or equal."""


def relate(
    points: tuple[Point, Point], grouped: tuple[Grouped, Grouped], both: Conversations, pairing: Pairing
) -> Relation:
    """Distance and clock offset of two points from their exactly paired packets."""
    sender = _senders(points[0], grouped[0], both)
    rows = np.flatnonzero((pairing.how_p == EXACT) & (sender >= 0))
    partners = pairing.partner_p[rows]
    travel = points[1].capture.times_ns()[partners] - points[0].capture.times_ns()[rows]
    to_remote, to_client = travel[sender[rows] == CLIENT_TO_REMOTE], travel[sender[rows] == REMOTE_TO_CLIENT]
    hops = _router_hops(points, rows, partners, sender[rows])
    distance, offset = _distance_and_offset(to_remote, to_client)
    if distance is None and hops:
        distance = 0.0
    return Relation(distance_ns=distance, offset_ns=offset, pairs=(len(to_remote), len(to_client)), hops=hops)


def _senders(point: Point, grouped: Grouped, both: Conversations) -> npt.NDArray[np.int8]:
    """int8[n]: who sent each packet of the shared conversations (CLIENT_TO_REMOTE or REMOTE_TO_CLIENT), -1 others."""
    sender = np.full(len(point.group_of), -1, np.int8)
    shared = np.flatnonzero((both.group >= 0).all(axis=1))
    for group, flip in zip(both.group[shared, 0].tolist(), both.flipped[shared, 0].tolist(), strict=True):
        for side in (0, 1):
            sender[grouped.of(group, side)] = side ^ flip
    return sender


def _router_hops(
    points: tuple[Point, Point],
    rows: npt.NDArray[np.int64],
    partners: npt.NDArray[np.int32],
    sender: npt.NDArray[np.int8],
) -> int:
    """Median TTL lost from p to q by packets to the client; those to the remote end count the other way."""
    ttl_p = (points[0].capture.packets[rows, MISC] >> 8 & 0xFF).astype(np.int64)
    ttl_q = (points[1].capture.packets[partners, MISC] >> 8 & 0xFF).astype(np.int64)
    lost = np.where(sender == REMOTE_TO_CLIENT, ttl_p - ttl_q, ttl_q - ttl_p)
    return int(np.median(lost)) if len(lost) else 0


def _distance_and_offset(
    to_remote: npt.NDArray[np.int64], to_client: npt.NDArray[np.int64]
) -> tuple[float | None, int]:
    if len(to_remote) and len(to_client):
        forward, back = float(np.median(to_client)), float(np.median(to_remote))
        distance = (forward - back) / 2
        offset = 0 if _one_clock(to_remote, to_client, distance > 0) else int((forward + back) / 2)
        return distance, offset
    one_way = to_client if len(to_client) else -to_remote
    if len(one_way) and abs(one_way).max() <= ONE_WAY_NS and (one_way.min() > 0 or one_way.max() < 0):
        return float(np.median(one_way)), 0
    return None, 0


def _one_clock(to_remote: npt.NDArray[np.int64], to_client: npt.NDArray[np.int64], client_side: bool) -> bool:
    """Whether without any offset no packet arrives before it was sent: then there is no offset to explain."""
    forward, back = (to_client, -to_remote) if client_side else (-to_client, to_remote)
    return bool(forward.min() >= -SAME_CLOCK_NS and back.min() >= -SAME_CLOCK_NS)
