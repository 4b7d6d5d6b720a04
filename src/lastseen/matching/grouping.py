"""Packets of one point, by conversation member and direction, in file order; and what identifies a member.

A counting sort: no comparison, one pass to count and one to place.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.compiled import kernel
from lastseen.tables.packets import ACK, FLAGS, FLOW, LENGTH_FLAGS, SEQ, PacketRows
from lastseen.tables.points import Point

__all__ = ["Grouped", "group_packets"]

_SYN: Final = FLAGS["S"]
_ACK_FLAG: Final = FLAGS["A"]
_RST: Final = FLAGS["R"]

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Grouped:
    """The packets of a point sorted by group and direction.

    `rows`: int64[m], packet rows. `starts`: int64[2 g + 1]; rows[starts[2 i + d] : starts[2 i + d + 1]] are those
    of group i that its originator (d = 0) or responder (d = 1) sent, in file order. `isn`: uint32[g, 2] with
    `isn_known`: bool[g, 2], initial sequence numbers as the handshake shows them.
    """

    rows: Int64s
    starts: Int64s
    isn: npt.NDArray[np.uint32]
    isn_known: npt.NDArray[np.bool_]

    def of(self, group: int, sender: int) -> Int64s:
        """int64[k]: rows of one group that one side sent."""
        return self.rows[self.starts[2 * group + sender] : self.starts[2 * group + sender + 1]]


@kernel
def _sort(packets, group_of, originator, groups):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    starts = np.zeros(2 * groups + 1, np.int64)
    for i in range(group_of.size):
        group = group_of[i]
        if group >= 0:
            starts[2 * group + ((packets[i, FLOW] & 1) ^ originator[group]) + 1] += 1
    for k in range(2 * groups):
        starts[k + 1] += starts[k]
    rows = np.empty(starts[2 * groups], np.int64)
    free = starts[:-1].copy()
    for i in range(group_of.size):
        group = group_of[i]
        if group >= 0:
            place = 2 * group + ((packets[i, FLOW] & 1) ^ originator[group])
            rows[free[place]] = i
            free[place] += 1
    return rows, starts


@kernel
def _initial_numbers(packets, rows, starts, connections):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Initial sequence numbers: from a SYN, else from what the peer acknowledged in its SYN-ACK, else from the ACK
    that follows a SYN-ACK nobody saw."""
    isn = np.zeros((connections, 2), np.uint32)
    known = np.zeros((connections, 2), np.bool_)
    for group in range(connections):
        for sender in range(2):
            for k in range(starts[2 * group + sender], starts[2 * group + sender + 1]):
                row = packets[rows[k]]
                if row[LENGTH_FLAGS] & _SYN:
                    isn[group, sender], known[group, sender] = row[SEQ], True
                    if row[LENGTH_FLAGS] & _ACK_FLAG and not known[group, 1 - sender]:
                        isn[group, 1 - sender] = np.uint32((np.int64(row[ACK]) - 1) & 0xFFFFFFFF)
                        known[group, 1 - sender] = True
                    break
        for sender in range(2):
            first = starts[2 * group + sender]
            if known[group, sender] and not known[group, 1 - sender]:
                for k in range(first, min(first + 4, starts[2 * group + sender + 1])):
                    row = packets[rows[k]]
                    after = (np.int64(row[SEQ]) - np.int64(isn[group, sender])) & 0xFFFFFFFF
                    flags = row[LENGTH_FLAGS]
                    if after == 1 and flags & _ACK_FLAG and not flags & (_SYN | _RST):
                        isn[group, 1 - sender] = np.uint32((np.int64(row[ACK]) - 1) & 0xFFFFFFFF)
                        known[group, 1 - sender] = True
                        break
    return isn, known


def group_packets(point: Point) -> Grouped:
    """Sort a point's packets and find the initial sequence numbers of its connections."""
    packets: PacketRows = point.capture.packets
    connections = len(point.connections)
    groups = connections + len(point.flow_groups)
    originator = np.zeros(groups, np.int64)
    originator[:connections] = point.connections["originator"]
    rows, starts = _sort(packets, point.group_of, originator, groups)
    isn, known = np.zeros((groups, 2), np.uint32), np.zeros((groups, 2), np.bool_)
    isn[:connections], known[:connections] = _initial_numbers(packets, rows, starts, connections)
    return Grouped(rows, starts, isn, known)
