"""Packets of one connection at one point, every header field beside its time, sender and fate.

Loss sites compare lost with delivered packets; what a rule about a handshake, a reset or a window needs is the order of
things instead. A track is decoded when a rule first asks for it and kept, because most cases ask for none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.tables.details import COLUMNS, DetailRows, Details, column
from lastseen.tables.packets import FLAGS, FLOW_PROTO
from lastseen.tables.points import Matching, Point, source_of
from lastseen.tables.sources import Source

__all__ = ["Details", "RowsOfGroups", "Track", "Tracks"]

Bools = npt.NDArray[np.bool_]

MOST_PACKETS: Final = 20_000
"""Packets of a track: each is read from the file again, and what a rule looks for happens before that."""
_TCP: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Track:
    """Packets at one point, in order of time (file order where times are equal).

    `rows`: int64[n], of the point's capture. `times_ns`: int64[n], this point's clock. `from_client`: bool[n], always
    False in a track of datagrams. `fate`: uint8[n], FATES towards the next point in the packet's direction; 0: none.
    """

    point: Point
    rows: npt.NDArray[np.int64] = field(repr=False)
    times_ns: npt.NDArray[np.int64] = field(repr=False)
    from_client: Bools = field(repr=False)
    fate: npt.NDArray[np.uint8] = field(repr=False)
    details: DetailRows = field(repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    def of(self, name: str) -> npt.NDArray[np.int64]:
        """int64[n]: one column of `lastseen.tables.details`."""
        return column(self.details, name)

    def flags(self, letters: str) -> Bools:
        """bool[n]: which packets carry all of these TCP flags (tcpdump's letters)."""
        bits = sum(FLAGS[letter] for letter in letters)
        result: Bools = (self.of("tcp_flags") & bits) == bits
        return result & (self.of("tcp_hdr_len") > 0)

    def only(self, chosen: Bools | npt.NDArray[np.int64]) -> "Track":
        """The chosen packets, as a mask or as places in the wanted order."""
        return Track(
            point=self.point,
            rows=self.rows[chosen],
            times_ns=self.times_ns[chosen],
            from_client=self.from_client[chosen],
            fate=self.fate[chosen],
            details=self.details[chosen],
        )

    def source(self, index: int = 0) -> Source:
        """Where a packet of the track stands."""
        return source_of(self.point, int(self.rows[index]))


class RowsOfGroups:
    """Packet rows of a group at a point; each point's packets are sorted once."""

    def __init__(self, points: Sequence[Point]) -> None:
        self._points = points
        self._sorted: dict[int, tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]] = {}

    def of(self, point: int, group: int) -> npt.NDArray[np.int64]:
        """int64[k], ascending."""
        if point not in self._sorted:
            group_of = self._points[point].group_of
            starts = np.cumsum(np.bincount(group_of + 1, minlength=self._points[point].group_count + 1))
            self._sorted[point] = (np.argsort(group_of, kind="stable").astype(np.int32), starts)
        order, starts = self._sorted[point]
        return order[starts[group] : starts[group + 1]].astype(np.int64)

    def sides(self, matching: Matching, number: int, point: int) -> tuple[npt.NDArray[np.int64], Bools]:
        """(rows of a conversation at a point, which of them its client sent)."""
        group = int(matching.conversations.group[number, point])
        table = self._points[point].connections
        rows = self.of(point, group)
        originator = int(table["originator"][group]) if group < len(table) else 0
        client = originator ^ int(matching.conversations.flipped[number, point])
        direction = (self._points[point].capture.packets[rows, 2] & 1).astype(np.int64)
        return rows, direction == client


class Tracks:
    """Every track of a case, decoded when first asked for. `details` reads packets from their file.

    `rows`: the packets of each connection, for whoever needs no more of them than a capture has.
    """

    def __init__(self, matching: Matching, details: Details) -> None:
        self._matching = matching
        self._details = details
        self.rows = RowsOfGroups(matching.points)
        self._of: dict[tuple[int, int], Track] = {}
        self._datagrams: dict[int, Track] = {}

    def of(self, conversation: int, point: int) -> Track:
        """The first MOST_PACKETS packets of a conversation at a point; empty where it was not seen."""
        key = (conversation, point)
        if key not in self._of:
            if self._matching.conversations.group[conversation, point] < 0:
                rows, client = np.empty(0, np.int64), np.empty(0, np.bool_)
            else:
                rows, client = self.rows.sides(self._matching, conversation, point)
            self._of[key] = self._track(point, rows, client)
        return self._of[key]

    def datagrams(self, point: int) -> Track:
        """The first MOST_PACKETS packets at a point that are no TCP: UDP, ICMP, ARP, fragments, what else there is."""
        if point not in self._datagrams:
            capture = self._matching.points[point].capture
            flow = (capture.packets[:, 2] >> 1).astype(np.int64)
            known = flow < len(capture.flows)
            proto = np.zeros(len(flow), np.int64)
            proto[known] = capture.flows[flow[known], FLOW_PROTO] & 0xFF
            rows = np.flatnonzero(proto != _TCP)
            self._datagrams[point] = self._track(point, rows, np.zeros(len(rows), np.bool_))
        return self._datagrams[point]

    def _track(self, point: int, rows: npt.NDArray[np.int64], client: Bools) -> Track:
        at = self._matching.points[point]
        times = at.capture.times_ns()[rows]
        order = np.argsort(times, kind="stable")[:MOST_PACKETS]
        rows, client = rows[order], client[order]
        details = self._details(at.capture, rows) if len(rows) else np.zeros((0, len(COLUMNS)), np.int64)
        return Track(
            point=at,
            rows=rows,
            times_ns=times[order],
            from_client=client,
            fate=self._fates(point, rows),
            details=details,
        )

    def _fates(self, point: int, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """What became of each row on its way on. A row takes part in the hop of its own direction only."""
        fate = np.zeros(len(rows), np.uint8)
        for hop in self._matching.hops:
            if hop.upstream == point:
                fate = np.maximum(fate, hop.fate[rows])
        return fate
