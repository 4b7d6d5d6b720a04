"""Which end is the client of traffic that travel times do not orient.

Where several points see both sides of a TCP connection, travel times tell which of its ends lies on the client's side.
One side alone has no travel time to compare with, nor has what one point saw alone, and a datagram (a fragment, an ICMP
error) may be an answer whose question is another flow: its first sender would count as the client, and it would seem to
go the other way. Their addresses tell: those of the other TCP connections at that point lie on known sides.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lastseen.matching.grouping import Grouped
from lastseen.tables.packets import FLOW_A, FLOW_B
from lastseen.tables.points import Conversations, Point

__all__ = ["orient_lonely", "orient_one_sided"]

Bools = npt.NDArray[np.bool_]
Keys = npt.NDArray[np.void]


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
    sides, mine = _ends(point, column[known]), _ends(point, column[asked])
    clients = sides[np.arange(len(known)), flipped[known]]
    remotes = sides[np.arange(len(known)), 1 - flipped[known]]
    first = mine[np.arange(len(asked)), flipped[asked]]
    second = mine[np.arange(len(asked)), 1 - flipped[asked]]
    from_remote = np.isin(first, remotes) & ~np.isin(first, clients) & ~np.isin(second, remotes)
    to_client = np.isin(second, clients) & ~np.isin(second, remotes) & ~np.isin(first, clients)
    result: Bools = from_remote | to_client
    return result


def _ends(point: Point, groups: npt.NDArray[np.int32]) -> Keys:
    """void[n, 2]: addresses of each group's originator and responder, to be compared only."""
    words = point.capture.flows[point.flows_of_groups()[groups]]
    ends = np.stack([words[:, FLOW_A : FLOW_A + 4], words[:, FLOW_B : FLOW_B + 4]], axis=1)
    keys = np.ascontiguousarray(ends).view("V16")[:, :, 0]
    swapped = np.where(point.originators_of_groups()[groups][:, None] == 0, [[0, 1]], [[1, 0]])
    return np.take_along_axis(keys, swapped, axis=1)
