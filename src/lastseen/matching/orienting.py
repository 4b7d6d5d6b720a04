"""Which end is the client of traffic that travel times do not orient.

Where several points see both sides of a TCP connection, travel times tell which of its ends lies on the client's side.
One side alone has no travel time to compare with, nor has what one point saw alone, and a datagram (a fragment, an ICMP
error) may be an answer whose question is another flow: its first sender would count as the client, and it would seem to
go the other way. Their addresses tell: those of the other TCP connections at that point lie on known sides. An ICMP
error goes to whoever sent what it quotes, so that the senders of datagrams tell, too.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lastseen.matching.grouping import Grouped, are_icmp_errors
from lastseen.tables.packets import FLOW_A, FLOW_B, FLOW_FIRST, FLOW_PROTO
from lastseen.tables.points import Conversations, Point

__all__ = ["orient_lonely", "orient_one_sided"]

Bools = npt.NDArray[np.bool_]


def orient_one_sided(
    points: Sequence[Point], grouped: Sequence[Grouped], conversations: Conversations
) -> None:
    """Turn the TCP connections of which no point saw both sides where addresses say they are the other way round.

    They would be measured against the others' travel times, so this comes first.
    """
    both = np.zeros(len(conversations.group), np.bool_)
    tcp = np.zeros(len(conversations.group), np.bool_)
    for number, groups in enumerate(grouped):
        here = np.flatnonzero(conversations.group[:, number] >= 0)
        at = conversations.group[here, number]
        tcp[here] |= at < groups.connections
        both[here] |= (np.diff(groups.starts).reshape(-1, 2)[at] > 0).all(axis=1)
    one_sided = tcp & ~both
    if not one_sided.any():
        return
    wrong = np.zeros(len(conversations.group), np.bool_)
    for number, point in enumerate(points):
        seen = conversations.group[:, number] >= 0
        here = np.flatnonzero(seen & one_sided)
        wrong[here[_wrong(point, conversations, number, (np.flatnonzero(seen & tcp & both), here))]] = True
    conversations.flipped[wrong] ^= True


def orient_lonely(points: Sequence[Point], conversations: Conversations) -> None:
    """Turn (in `conversations.flipped`) what travel times do not orient and addresses say is the other way round."""
    seen = (conversations.group >= 0).sum(axis=1)
    for number, point in enumerate(points):
        column = conversations.group[:, number]
        tcp = column < len(point.connections)
        known = np.flatnonzero((column >= 0) & tcp & (seen > 1))
        lonely = np.flatnonzero((column >= 0) & ((seen == 1) | ~tcp))
        conversations.flipped[lonely[_wrong(point, conversations, number, (known, lonely))], number] ^= True
        errors = _errors(point, column)
        if len(errors):
            known = np.setdiff1d(np.flatnonzero(column >= 0), errors)
            conversations.flipped[errors[_wrong(point, conversations, number, (known, errors))], number] ^= (
                True
            )


def _errors(point: Point, column: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """int64[k]: the conversations, of which a point has the groups `column`, that begin with an ICMP error."""
    others = np.flatnonzero(column >= len(point.connections))
    flows = point.capture.flows[point.flows_of_groups()[column[others]]]
    protocol = (flows[:, FLOW_PROTO] & 0xFF).astype(np.uint32)
    return others[are_icmp_errors(point.capture.packets[flows[:, FLOW_FIRST]], protocol)]


def _wrong(
    point: Point,
    conversations: Conversations,
    number: int,
    which: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
) -> Bools:
    """bool[n]: of the second conversations, which run against the sides that addresses of the first ones are on."""
    known, asked = which
    if not len(known) or not len(asked):
        return np.zeros(len(asked), np.bool_)
    column, flipped = conversations.group[:, number], conversations.flipped[:, number].astype(np.int64)
    ends = _ends(point, column[np.concatenate([known, asked])])
    sides, mine = ends[: len(known)], ends[len(known) :]
    is_client, is_remote = np.zeros((2, int(ends.max()) + 1), np.bool_)
    is_client[sides[np.arange(len(known)), flipped[known]]] = True
    is_remote[sides[np.arange(len(known)), 1 - flipped[known]]] = True
    first = mine[np.arange(len(asked)), flipped[asked]]
    second = mine[np.arange(len(asked)), 1 - flipped[asked]]
    from_remote = is_remote[first] & ~is_client[first] & ~is_remote[second]
    to_client = is_client[second] & ~is_remote[second] & ~is_client[first]
    result: Bools = from_remote | to_client
    return result


def _ends(point: Point, groups: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """int64[n, 2]: each group's originator and responder, addresses numbered from 0 as they sort."""
    words = point.capture.flows[point.flows_of_groups()[groups]]
    both = np.concatenate([words[:, FLOW_A : FLOW_A + 4], words[:, FLOW_B : FLOW_B + 4]])
    halves = np.ascontiguousarray(both).view(np.uint64)
    numbers = np.zeros(len(both), np.int64)
    for half in halves.T:  # whole numbers sort ten times faster than sixteen bytes
        distinct, mine = np.unique(half, return_inverse=True)
        numbers = np.unique(numbers * len(distinct) + mine, return_inverse=True)[1]
    ends = numbers.reshape(2, -1).T
    swapped = np.where(point.originators_of_groups()[groups][:, None] == 0, [[0, 1]], [[1, 0]])
    return np.take_along_axis(ends, swapped, axis=1)
