"""Which end is the client of traffic that travel times do not orient.

Where several points see a TCP connection, travel times tell which of its ends lies on the client's side. What one
point saw alone has no travel time, and a datagram (a fragment, an ICMP error) may be an answer whose question is
another flow: its first sender would count as the client, and it would seem to go the other way. Its addresses tell:
those of the TCP connections at that point lie on known sides.
"""

import numpy as np
import numpy.typing as npt

from lastseen.tables.packets import FLOW_A, FLOW_B
from lastseen.tables.points import Conversations, Point

__all__ = ["orient_lonely"]

Keys = npt.NDArray[np.void]


def orient_lonely(points: list[Point], conversations: Conversations) -> None:
    """Turn (in `conversations.flipped`) what travel times do not orient and addresses say is the other way round."""
    seen = (conversations.group >= 0).sum(axis=1)
    for number, point in enumerate(points):
        column = conversations.group[:, number]
        tcp = column < len(point.connections)
        known = np.flatnonzero((column >= 0) & tcp & (seen > 1))
        lonely = np.flatnonzero((column >= 0) & ((seen == 1) | ~tcp))
        if not len(known) or not len(lonely):
            continue
        flipped = conversations.flipped[:, number]
        sides = _ends(point, column[known])
        turned = flipped[known].astype(np.int64)
        clients = sides[np.arange(len(known)), turned]
        remotes = sides[np.arange(len(known)), 1 - turned]
        mine = _ends(point, column[lonely])
        turned_now = flipped[lonely].astype(np.int64)
        first = mine[np.arange(len(lonely)), turned_now]
        second = mine[np.arange(len(lonely)), 1 - turned_now]
        from_remote = np.isin(first, remotes) & ~np.isin(first, clients) & ~np.isin(second, remotes)
        to_client = np.isin(second, clients) & ~np.isin(second, remotes) & ~np.isin(first, clients)
        wrong = lonely[from_remote | to_client]
        conversations.flipped[wrong, number] ^= True


def _ends(point: Point, groups: npt.NDArray[np.int32]) -> Keys:
    """void[n, 2]: addresses of each group's originator and responder, to be compared only."""
    words = point.capture.flows[point.flows_of_groups()[groups]]
    ends = np.stack([words[:, FLOW_A : FLOW_A + 4], words[:, FLOW_B : FLOW_B + 4]], axis=1)
    keys = np.ascontiguousarray(ends).view("V16")[:, :, 0]
    swapped = np.where(point.originators_of_groups()[groups][:, None] == 0, [[0, 1]], [[1, 0]])
    return np.take_along_axis(keys, swapped, axis=1)
