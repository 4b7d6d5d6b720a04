"""The growing arrays of one capture while it is read: rows, flows and where the scan is."""

from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from lastseen.evidence.captures import scan
from lastseen.evidence.captures.headers import PLACES
from lastseen.evidence.captures.rows import EMPTY, KEY_WORDS, append_rows, join_flows, rehash
from lastseen.tables.packets import FLOW_COLUMNS, FLOW_FIRST, PACKET_COLUMNS, FlowRows, PacketRows, Room

__all__ = ["FIRST_ROWS", "RowSink", "Tables", "longer"]

FIRST_ROWS: Final = 4096
FIRST_FLOWS: Final = 1024
MOST_COMMENTS: Final = 1024
"""Packets whose comments are kept; people write a few, programs that comment every packet say nothing by it."""
EVERYWHERE: Final = 1 << 62
"""Behind the end of any file."""


class RowSink(Protocol):
    """Takes packet rows off a reader's hands, for captures that do not fit into memory."""

    @property
    def most_rows(self) -> int:
        """How many rows a reader may hold."""

    def take(self, file: str, packets: PacketRows, flows: FlowRows) -> None:
        """Take the next rows of a file, all of them before returning; `flows`: all of the file so far."""


def _state() -> npt.NDArray[np.int64]:
    state = np.zeros(scan.STATE_WIDTH, np.int64)
    state[scan.LAST_FLOW], state[scan.STOP] = -1, EVERYWHERE
    return state


@dataclass(slots=True, eq=False)
class Tables:
    """Rows and flows so far; `begin` and `stop` in `state` say which part of the file they are of.

    `sink`: who takes the rows of `file` when they are too many; then `given` rows are gone already. `room`: where the
    tables of packets lie.
    """

    file: str = ""
    sink: RowSink | None = None
    room: Room = np.empty
    given: int = 0
    packets: npt.NDArray[np.uint32] = field(
        default_factory=lambda: np.empty((FIRST_ROWS, PACKET_COLUMNS), np.uint32)
    )
    offsets: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(FIRST_ROWS, np.int64))
    lengths: npt.NDArray[np.uint32] = field(default_factory=lambda: np.empty((FIRST_ROWS, 2), np.uint32))
    flows: npt.NDArray[np.uint32] = field(
        default_factory=lambda: np.empty((FIRST_FLOWS, FLOW_COLUMNS), np.uint32)
    )
    keys: npt.NDArray[np.uint32] = field(
        default_factory=lambda: np.empty((FIRST_FLOWS, KEY_WORDS), np.uint32)
    )
    places: npt.NDArray[np.int32] = field(default_factory=lambda: np.full(2 * FIRST_FLOWS, EMPTY, np.int32))
    state: npt.NDArray[np.int64] = field(default_factory=_state)
    noted: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty((MOST_COMMENTS, 4), np.int64))
    comments: list[tuple[int | None, str]] = field(default_factory=list)
    scratch: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros((2, PLACES), np.int64))
    key: npt.NDArray[np.uint32] = field(default_factory=lambda: np.zeros(KEY_WORDS, np.uint32))
    _flows_given: int = 0
    _notes_given: int = 0

    @property
    def rows(self) -> int:
        """Rows held now."""
        return int(self.state[scan.ROWS])

    @property
    def flow_count(self) -> int:
        """Flows so far."""
        return int(self.state[scan.FLOWS])

    def grow(self, expected_rows: int) -> None:
        """Make room: for packets about as many as the file will hold, for flows twice as many."""
        if self.rows >= len(self.packets):
            if self.sink is not None and self.rows >= self.sink.most_rows:
                self.give()
            else:
                most = EVERYWHERE if self.sink is None else self.sink.most_rows
                self.reserve_rows(min(max(2 * len(self.packets), expected_rows), max(most, FIRST_ROWS)))
        if self.flow_count >= len(self.keys):
            self.reserve_flows(4 * self.flow_count)

    def reserve_rows(self, rows: int) -> None:
        """Room for so many packets."""
        if rows > len(self.packets):
            self.packets = longer(self.packets, rows, self.room)
            self.offsets = longer(self.offsets, rows, self.room)
            self.lengths = longer(self.lengths, rows, self.room)

    def reserve_flows(self, count: int) -> None:
        """Room for so many flows; the hash table is at most half full, so that a probe stays short."""
        if count > len(self.keys):
            self.keys, self.flows = longer(self.keys, count), longer(self.flows, count)
            size = 1
            while size < 2 * count:
                size *= 2
            self.places = np.full(size, EMPTY, np.int32)
            rehash(self.keys, self.flow_count, self.places)

    def give(self) -> None:
        """Hand the rows held to the sink; numbers of packets go on counting in the whole file."""
        if self.sink is None:
            return
        self.flows[self._flows_given : self.flow_count, FLOW_FIRST] += np.uint32(self.given)
        self.noted[self._notes_given : int(self.state[scan.NOTED]), 0] += self.given
        self._flows_given, self._notes_given = self.flow_count, int(self.state[scan.NOTED])
        self.sink.take(self.file, self.packets[: self.rows], self.flows[: self.flow_count])
        self.given += self.rows
        self.state[scan.ROWS] = 0

    def append(self, other: "Tables") -> None:
        """Add what was read of the rest of the same file; the same as if it had been read in one."""
        rows, more = self.rows, other.rows
        self.reserve_rows(rows + more)
        self.reserve_flows(self.flow_count + other.flow_count)
        numbers = np.empty(max(other.flow_count, 1), np.uint32)
        self.state[scan.FLOWS] = join_flows(
            self.keys,
            self.flows,
            self.places,
            self.flow_count,
            other.keys,
            other.flows,
            other.flow_count,
            rows,
            numbers,
        )
        append_rows(self.packets, rows, other.packets, more, numbers)
        self.offsets[rows : rows + more] = other.offsets[:more]
        self.lengths[rows : rows + more] = other.lengths[:more]
        self.state[scan.ROWS] = rows + more
        noted, new = int(self.state[scan.NOTED]), int(other.state[scan.NOTED])
        new = min(new, MOST_COMMENTS - noted)
        self.noted[noted : noted + new] = other.noted[:new]
        self.noted[noted : noted + new, 0] += rows
        self.state[scan.NOTED] = noted + new
        self.comments = other.comments  # of blocks, all of which the other has read


def longer(array: npt.NDArray[Any], rows: int, room: Room = np.empty) -> npt.NDArray[Any]:
    """A copy with room for `rows` rows."""
    larger = room((rows, *array.shape[1:]), array.dtype.type)
    larger[: len(array)] = array
    return larger
