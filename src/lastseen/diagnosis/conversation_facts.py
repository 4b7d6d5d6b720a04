"""What each connection did, seen over all points: who waited, who closed, whose FIN was seen where."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.faults.facts import ConversationFacts
from lastseen.faults.tracks import RowsOfGroups
from lastseen.tables.connections import STALLS, STATES
from lastseen.tables.endpoints import endpoints_of
from lastseen.tables.flow_text import connection_text
from lastseen.tables.packets import FLAGS, LENGTH_FLAGS
from lastseen.tables.points import LOST, UNPROVEN, Matching, Point, source_of
from lastseen.tables.sources import Source

__all__ = ["MOST_CONVERSATIONS", "conversation_facts", "rank"]

MOST_CONVERSATIONS: Final = 2_000
"""Connections looked at one by one: the worst by loss and stall. The rest is counted, not described."""

_FIN: Final = FLAGS["F"]


def rank(matching: Matching) -> list[int]:
    """TCP conversations, worst first: most packets lost, longest stall, then in order of appearance."""
    group = matching.conversations.group
    lost, stalled = np.zeros(len(group), np.int64), np.zeros(len(group), np.int64)
    tcp = np.zeros(len(group), np.bool_)
    for number, point in enumerate(matching.points):
        column = group[:, number]
        here = np.flatnonzero((column >= 0) & (column < len(point.connections)))
        tcp[here] = True
        stalled[here] = np.maximum(stalled[here], point.connections["stall_ns"][column[here]])
    for hop in matching.hops:
        point = matching.points[hop.upstream]
        of_group = np.bincount(point.group_of[hop.rows(LOST)] + 1, minlength=2)
        column = group[:, hop.upstream]
        here = np.flatnonzero((column >= 0) & (column + 1 < len(of_group)))
        lost[here] += of_group[column[here] + 1]
    wanted = np.flatnonzero(tcp)
    order = np.lexsort((wanted, -stalled[wanted], -lost[wanted]))
    return [int(number) for number in wanted[order]]


def conversation_facts(
    matching: Matching, numbers: Sequence[int], rows: RowsOfGroups
) -> tuple[ConversationFacts, ...]:
    """Facts of the given conversations, in that order."""
    return tuple(_facts(matching, number, rows) for number in numbers)


def _facts(matching: Matching, number: int, rows: RowsOfGroups) -> ConversationFacts:
    seen = tuple(int(p) for p in np.flatnonzero(matching.conversations.group[number] >= 0))
    nearest = seen[-1]
    point = matching.points[nearest]
    group = int(matching.conversations.group[number, nearest])
    entry = point.connections[group]
    client, remote = _sent(rows, matching, number, nearest)
    times = point.capture.times_ns()
    client_fins, remote_fins = _fins(point, client), _fins(point, remote)
    fins = tuple(
        tuple((_fins(matching.points[p], _sent(rows, matching, number, p)[1]) + 1).tolist()) for p in seen
    )
    first_fin = next(
        (source_of(matching.points[p], f[0] - 1) for p, f in zip(seen, fins, strict=True) if f), None
    )
    lost, unproven = _lost(matching, number, rows)
    return ConversationFacts(
        number=number,
        text=_text(matching, number, nearest),
        packets=len(client) + len(remote),
        seen_at=seen,
        stall=STALLS[int(entry["stall"])],
        stall_ns=int(entry["stall_ns"]),
        stall_side=int(entry["stall_side"]) ^ int(matching.conversations.flipped[number, nearest]),
        stall_source=_at(point, int(entry["stall_from"])),
        stall_from_ns=int(times[int(entry["stall_from"])]) if int(entry["stall_from"]) >= 0 else 0,
        fins=fins,
        fin_source=first_fin,
        client_fin_ns=int(times[client_fins[0]]) if len(client_fins) else None,
        client_fin_source=_at(point, int(client_fins[0])) if len(client_fins) else None,
        remote_fin_ns=int(times[remote_fins[0]]) if len(remote_fins) else None,
        remote_answered_close=bool(len(client_fins)) and bool((times[remote] > times[client_fins[0]]).any()),
        retransmitted=int(entry["retransmitted"].sum()),
        lost_packets=lost,
        unproven_packets=unproven,
        endpoints=_endpoints(matching, number, seen),
        answered=bool(len(client)) and bool(len(remote)),
        was_rejected=any(_state(matching, number, p) == "REJ" for p in seen),
        was_reset=_state(matching, number, nearest).startswith(("RST", "REJ")),
    )


def _state(matching: Matching, number: int, at: int) -> str:
    group = int(matching.conversations.group[number, at])
    return STATES[int(matching.points[at].connections["state"][group])]


def _sent(
    rows: RowsOfGroups, matching: Matching, number: int, point: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows that the client sent, and rows that the remote end sent."""
    mine, from_client = rows.sides(matching, number, point)
    return mine[from_client], mine[~from_client]


def _fins(point: Point, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    fins: npt.NDArray[np.int64] = rows[(point.capture.packets[rows, LENGTH_FLAGS] & _FIN) > 0]
    return fins


def _at(point: Point, row: int) -> Source | None:
    return source_of(point, row) if row >= 0 else None


def _text(matching: Matching, number: int, at: int) -> str:
    point = matching.points[at]
    entry = point.connections[int(matching.conversations.group[number, at])]
    client = int(entry["originator"]) ^ int(matching.conversations.flipped[number, at])
    return connection_text(point.capture.flows[int(entry["flow"])], client)


def _lost(matching: Matching, number: int, rows: RowsOfGroups) -> tuple[int, int]:
    lost = unproven = 0
    for hop in matching.hops:
        group = int(matching.conversations.group[number, hop.upstream])
        if group >= 0:
            mine = hop.fate[rows.of(hop.upstream, group)]
            lost += int(np.count_nonzero(mine == LOST))
            unproven += int(np.count_nonzero(mine == UNPROVEN))
    return lost, unproven


def _endpoints(matching: Matching, number: int, seen: Sequence[int]) -> frozenset[tuple[str, int]]:
    """Every address and port the connection has at any point (NAT gives it several)."""
    found = set()
    for p in seen:
        point = matching.points[p]
        flow = point.capture.flows[
            int(point.connections[int(matching.conversations.group[number, p])]["flow"])
        ]
        found |= {(end.address, end.port) for end in endpoints_of(flow, 0)}
    return frozenset(found)
