"""The history of each packet of a connection: which points saw it, and what became of it behind the last."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lastseen.faults.tracks import RowsOfGroups
from lastseen.tables.points import CLIENT_TO_REMOTE, DELIVERED, FATES, REMOTE_TO_CLIENT, Hop, Matching

__all__ = ["History", "histories"]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All sightings of one packet: (point, row) in its order. `fate`: behind the last of them, "" at the path's end.

    A packet that was merged into another or split ends there: the pieces have histories of their own.
    """

    direction: int
    seen: tuple[tuple[int, int], ...]
    fate: str


def histories(matching: Matching, number: int, rows: RowsOfGroups) -> Iterator[History]:
    """Every packet of a conversation, by direction and then by the point that saw it first."""
    group = matching.conversations.group[number]
    for direction in (CLIENT_TO_REMOTE, REMOTE_TO_CLIENT):
        reached: set[tuple[int, int]] = set()
        points = [int(point) for point in np.flatnonzero(group >= 0)]
        for point in points if direction == REMOTE_TO_CLIENT else reversed(points):
            mine, from_client = rows.sides(matching, number, point)
            chosen = mine[from_client == (direction == CLIENT_TO_REMOTE)]
            for row in chosen.tolist():
                if (point, row) not in reached:
                    history = _followed(matching, direction, point, row)
                    reached.update(history.seen)
                    yield history


def _followed(matching: Matching, direction: int, point: int, row: int) -> History:
    """What came after a packet's first sighting."""
    seen, fate = [(point, row)], ""
    while (hop := _next_hop(matching, direction, point, row)) is not None:
        became, partner = int(hop.fate[row]), int(hop.partner[row])
        if became != DELIVERED or partner < 0:
            fate = "" if became == DELIVERED else FATES[became]
            break
        point, row = hop.downstream, partner
        seen.append((point, row))
    return History(direction=direction, seen=tuple(seen), fate=fate)


def _next_hop(matching: Matching, direction: int, point: int, row: int) -> Hop | None:
    """The hop a packet took part in behind a point; none at the path's end."""
    hops = (h for h in matching.hops if h.upstream == point and h.direction == direction)
    return next((hop for hop in hops if hop.fate[row]), None)
