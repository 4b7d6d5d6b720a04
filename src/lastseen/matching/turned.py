"""Connections that a router turns round: it shows them twice on one interface, before and after translation.

A host that asks a neighbour by a floating address has its packets come back out of the interface they went in by, and
the answer may take the short way. Such a path is no line: that a packet is missing at the router is no loss where the
other end has it, and its second passing is no other packet.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from lastseen.tables.endpoints import Endpoint, ends_at
from lastseen.tables.packets import ACK, FLAGS, ID_WINDOW, LENGTH_FLAGS, MISC, SEQ
from lastseen.tables.points import LOST, OUTSIDE, UNPROVEN, Hop, Point

__all__ = ["Ends", "ends_in", "excuse_turned", "turned_ends"]

Ends = frozenset[Endpoint]
_KEY = (SEQ, ACK, LENGTH_FLAGS, ID_WINDOW)


def turned_ends(point: Point) -> frozenset[Ends]:
    """Both ends of each connection whose SYN this point has in another connection, too.

    It has the same IP id and window, and a TTL lower by the one that a router takes (RFC 1812, 5.3.1).
    """
    first = point.connections["first"]
    packets = point.capture.packets[first]
    chosen = np.flatnonzero((packets[:, LENGTH_FLAGS] & FLAGS["S"] > 0) & (packets[:, ID_WINDOW] >> 16 > 0))
    numbers = packets[chosen, SEQ].astype(np.uint64) << np.uint64(32) | packets[chosen, ID_WINDOW]
    _, place, count = np.unique(numbers, return_inverse=True, return_counts=True)
    passings: dict[int, dict[int, Ends]] = {}
    for row, number in zip(first[chosen[count[place] > 1]], place[count[place] > 1], strict=True):
        ttl = int(point.capture.packets[row, MISC] >> 8 & 0xFF)
        passings.setdefault(int(number), {})[ttl] = ends_in(point, int(row))
    return frozenset(
        ends
        for of_ttl in passings.values()
        for ttl, came in of_ttl.items()
        if of_ttl.get(ttl - 1, came) != came
        for ends in (came, of_ttl[ttl - 1])
    )


def ends_in(point: Point, row: int) -> Ends:
    """The two ends of a packet, whoever sent it."""
    return frozenset(ends_at(point.capture, row))


def excuse_turned(
    hop: Hop, points: Sequence[Point], turned: Sequence[frozenset[Ends]], others: Iterable[int], *, told: bool
) -> None:
    """Take back losses of connections that were turned round: OUTSIDE what is elsewhere, UNPROVEN what nobody can tell.

    `turned`: `turned_ends` of each point. `others`: points behind the hop where the order is `told`, else all of them.
    """
    up, down, every = points[hop.upstream], points[hop.downstream], frozenset[Ends]().union(*turned)
    elsewhere = list(others)
    for row in np.flatnonzero((hop.fate == LOST) | (hop.fate == UNPROVEN)).tolist():
        ends = ends_in(up, row)
        if ends not in every:
            continue
        packet = up.capture.packets[row]
        wanted = 1 if packet[ID_WINDOW] >> 16 else _count(up, packet)
        if _count(down, packet) >= wanted:
            hop.fate[row] = OUTSIDE
        elif ends in turned[hop.downstream]:
            if any(_count(points[other], packet) >= wanted for other in elsewhere):
                hop.fate[row] = OUTSIDE
            elif not told and not elsewhere:
                hop.fate[row] = UNPROVEN


def _count(point: Point, packet: npt.NDArray[np.uint32]) -> int:
    """How often a point has a packet, whatever its addresses."""
    same = np.ones(len(point.capture.packets), np.bool_)
    for word in _KEY:
        same &= point.capture.packets[:, word] == packet[word]
    return int(np.count_nonzero(same))
