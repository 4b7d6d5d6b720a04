"""Which end is the client of traffic that one point alone saw.

Where several points see a conversation, travel times tell which of its ends lies on the client's side. What one
point saw alone has no travel time: the first sender would count as the client, and an answer whose question is
another flow (a fragmented datagram, an ICMP error) would seem to go the other way. Its addresses tell: those of the
other conversations at that point lie on known sides.
"""

import numpy as np
import numpy.typing as npt

from lastseen.tables.packets import FLOW_A, FLOW_B
from lastseen.tables.points import Conversations, Point

__all__ = ["orient_lonely"]

Keys = npt.NDArray[np.void]


def orient_lonely(points: list[Point], conversations: Conversations) -> None:
    """Turn (in `conversations.flipped`) what one point alone saw, where addresses say that its sides are changed."""
    seen = (conversations.group >= 0).sum(axis=1)
    for number, point in enumerate(points):
        column = conversations.group[:, number]
        known = np.flatnonzero((column >= 0) & (seen > 1))
        lonely = np.flatnonzero((column >= 0) & (seen == 1))
        if not len(known) or not len(lonely):
            continue
        flipped = conversations.flipped[:, number]
        sides = _ends(point, column[known])
        turned = flipped[known].astype(np.int64)
        clients = sides[np.arange(len(known)), turned]
        remotes = sides[np.arange(len(known)), 1 - turned]
        mine = _ends(point, column[lonely])
        wrong = np.isin(mine[:, 0], remotes) & ~np.isin(mine[:, 0], clients) & ~np.isin(mine[:, 1], remotes)
        conversations.flipped[lonely[wrong], number] = True


def _ends(point: Point, groups: npt.NDArray[np.int32]) -> Keys:
    """void[n, 2]: addresses of each group's originator and responder, to be compared only."""
    table = point.connections
    tcp = groups < len(table)
    flows = np.empty(len(groups), np.int64)
    flows[tcp] = table["flow"][groups[tcp]]
    flows[~tcp] = point.flow_groups[groups[~tcp] - len(table)]
    originator = np.zeros(len(groups), np.int64)
    originator[tcp] = table["originator"][groups[tcp]]
    words = np.ascontiguousarray(point.capture.flows[flows])
    ends = np.stack([words[:, FLOW_A : FLOW_A + 4], words[:, FLOW_B : FLOW_B + 4]], axis=1)
    keys = np.ascontiguousarray(ends).view("V16")[:, :, 0]
    swapped = np.where(originator[:, None] == 0, [[0, 1]], [[1, 0]])
    return np.take_along_axis(keys, swapped, axis=1)
