"""Packets of one point, by conversation member and direction, in order of time; and what identifies a member.

A counting sort: no comparison, one pass to count and one to place.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lastseen.compiled import kernel
from lastseen.matching.sightings import LONG_AGO
from lastseen.tables.packets import (
    ACK,
    FLAGS,
    FLOW,
    FLOW_PORTS,
    FLOW_PROTO,
    INFO_CUT,
    INFO_LISTED,
    LENGTH_FLAGS,
    MISC,
    SEQ,
    Capture,
    PacketRows,
)
from lastseen.tables.points import Point

__all__ = ["Grouped", "are_icmp_errors", "ends_of", "group_packets", "without_digests"]

_SYN: Final = FLAGS["S"]
_ACK_FLAG: Final = FLAGS["A"]
_RST: Final = FLAGS["R"]
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
"""2^64 over the golden ratio (Fibonacci hashing)."""
_DIGEST_BYTES: Final = 32
"""Bytes of a payload its digest covers (the reader's DIGEST_BYTES)."""
_QUOTED_BYTES, _QUOTED_BYTES6 = 28, 48
"""Bytes after an ICMP error's header that its digest covers: an IP header without options and eight bytes."""
_SCTP_BYTES: Final = 44
"""The same of SCTP, whose payload counts its common header (RFC 9260, 3.1)."""
_ICMP, _ICMP6, _SCTP = 1, 58, 132
_ICMP_ERRORS: Final = (3, 4, 5, 11, 12)
_FIRST_ANSWER: Final = 128
"""ICMPv6 types below are errors (RFC 4443, 2.1)."""

Int64s = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Grouped:
    """The packets of a point sorted by group and direction.

    `packets`: the capture's rows, or a copy in which numbers were made comparable with other points. `rows`:
    int32[m], packet rows. `starts`: int64[2 g + 1]; rows[starts[2 i + d] : starts[2 i + d + 1]] are those of group i
    that its originator (d = 0) or responder (d = 1) sent, in order of time (equal times: in file order).
    `isn`: uint32[g, 2] with `isn_known`: bool[g, 2], initial sequence numbers as the handshake shows them. `ends`:
    uint64[g], a hash of protocol, addresses and ports that does not tell which end is which. `times`: int64[g], ns,
    the first packet. `connections`: how many of the groups, the first ones, are TCP connections. `has_digests`: False
    where payload digests were left out, so that a packet of other groups is known by little more than its flow.
    """

    packets: PacketRows = field(repr=False)
    rows: Int32s = field(repr=False)
    starts: Int64s = field(repr=False)
    isn: npt.NDArray[np.uint32] = field(repr=False)
    isn_known: npt.NDArray[np.bool_] = field(repr=False)
    ends: npt.NDArray[np.uint64] = field(repr=False)
    times: Int64s = field(repr=False)
    connections: int
    has_digests: bool = True

    def __len__(self) -> int:
        return len(self.isn)

    def of(self, group: int, sender: int) -> Int32s:
        """int32[k]: rows of one group that one side sent."""
        return self.rows[self.starts[2 * group + sender] : self.starts[2 * group + sender + 1]]

    def times_ns(self, rows: npt.NDArray[np.integer[Any]]) -> Int64s:
        """int64[n]: when these packets were seen."""
        times: Int64s = self.packets.view(np.int64)[:, 0][rows]
        return times


@kernel
def _sort(packets: Any, group_of: Any, originator: Any, groups: Any) -> Any:
    """(rows, starts) of `Grouped`, rows in file order; bool[2 g]: the sides for which that is not the order of time."""
    starts = np.zeros(2 * groups + 1, np.int64)
    for i in range(group_of.size):
        group = group_of[i]
        if group >= 0:
            starts[2 * group + ((packets[i, FLOW] & 1) ^ originator[group]) + 1] += 1
    for k in range(2 * groups):
        starts[k + 1] += starts[k]
    rows = np.empty(starts[2 * groups], np.int32)
    free, times = starts[:-1].copy(), packets.view(np.int64)
    before, disordered = np.full(2 * groups, LONG_AGO, np.int64), np.zeros(2 * groups, np.bool_)
    for i in range(group_of.size):
        group = group_of[i]
        if group >= 0:
            place = 2 * group + ((packets[i, FLOW] & 1) ^ originator[group])
            rows[free[place]] = i
            free[place] += 1
            disordered[place] |= times[i, 0] < before[place]
            before[place] = times[i, 0]
    return rows, starts, disordered


@kernel
def _initial_numbers(packets: Any, rows: Any, starts: Any, isn: Any, known: Any, connections: Any) -> None:
    """Initial sequence numbers: from a SYN, else from what the peer's SYN-ACK acknowledges.

    Else from the ACK that follows a SYN-ACK nobody saw, or from the RST-ACK that refuses a SYN.
    """
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
        if not known[group, 0] and not known[group, 1]:
            _refused(packets, rows, starts, isn, known, group)


@kernel
def _refused(packets: Any, rows: Any, starts: Any, isn: Any, known: Any, group: Any) -> None:
    """A lone RST-ACK with sequence number 0 answers a SYN nobody saw: it acknowledges the SYN (RFC 9293, 3.10.7.1)."""
    for sender in range(2):
        first = starts[2 * group + sender]
        if starts[2 * group + sender + 1] == first:
            continue
        row = packets[rows[first]]
        flags = row[LENGTH_FLAGS]
        if flags & _RST and flags & _ACK_FLAG and row[SEQ] == 0:
            isn[group, 1 - sender] = np.uint32((np.int64(row[ACK]) - 1) & 0xFFFFFFFF)
            known[group, 1 - sender] = True


def group_packets(point: Point) -> Grouped:
    """Sort a point's packets and find the initial sequence numbers of its connections."""
    packets: PacketRows = point.capture.packets
    connections = len(point.connections)
    groups = point.group_count
    rows, starts, disordered = _sort(packets, point.group_of, point.originators_of_groups(), groups)
    if disordered.any():
        _by_time(packets.view(np.int64)[:, 0], rows, starts, disordered)
    isn, known = np.zeros((groups, 2), np.uint32), np.zeros((groups, 2), np.bool_)
    _initial_numbers(packets, rows, starts, isn, known, connections)
    return Grouped(
        packets=packets,
        rows=rows,
        starts=starts,
        isn=isn,
        isn_known=known,
        ends=ends_of(point.capture.flows[point.flows_of_groups()]),
        times=_first_times(packets, rows, starts),
        connections=connections,
    )


def _by_time(times: Int64s, rows: Int32s, starts: Int64s, disordered: npt.NDArray[np.bool_]) -> None:
    """Bring the rows of some sides into order of time: those of a capture of several queues, say."""
    sizes = np.diff(starts)
    wanted, side = np.repeat(disordered, sizes), np.repeat(np.flatnonzero(disordered), sizes[disordered])
    mine = rows[wanted]
    rows[wanted] = mine[np.lexsort((times[mine], side))]


def ends_of(flows: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
    """uint64[g]: the same for both directions of a flow, whatever interface it was seen on."""
    words = flows.astype(np.uint64)
    ports = words[:, FLOW_PORTS]
    total = words[:, FLOW_PROTO] & np.uint64(0xFF)
    for address, port in ((0, ports >> np.uint64(16)), (4, ports & np.uint64(0xFFFF))):
        end = port
        for k in range(address, address + 4):
            end = (end ^ words[:, k]) * _MIX
            end ^= end >> np.uint64(29)
        total = total + end
    return total


def _first_times(packets: PacketRows, rows: Int32s, starts: Int64s) -> Int64s:
    """int64[g]: time of each group's first packet; 0 for a group without any (of another interface)."""
    times: Int64s = packets.view(np.int64)[:, 0]
    begins, ends = starts[:-1], starts[1:]
    far = np.iinfo(np.int64).max
    first = np.full(len(begins), far, np.int64)
    some = ends > begins
    first[some] = times[rows[begins[some]]]
    earliest: Int64s = first.reshape(-1, 2).min(axis=1)
    earliest[earliest == far] = 0
    return earliest


def without_digests(grouped: Grouped, capture: Capture, *, anyway: bool) -> Grouped | None:
    """The same without payload digests, when the snap length cut some of them short; None: none was.

    `anyway`: do so all the same, because another point's are.
    """
    others = grouped.rows[grouped.starts[2 * grouped.connections] :]
    if not len(others) or not (anyway or _cut_short(grouped.packets[others], capture, others)):
        return None
    packets = grouped.packets.copy()
    packets[others, SEQ] = 0
    return replace(grouped, packets=packets, has_digests=False)


def _cut_short(packets: PacketRows, capture: Capture, rows: Int32s) -> bool:
    """Whether a payload of `rows` has bytes the digest should cover and the capture does not hold.

    A listing holds none: what its packets quote was put together from other lines.
    """
    if ((packets[:, MISC] >> 24) & INFO_LISTED).any():
        return True
    cut = (packets[:, MISC] >> 24 & INFO_CUT) > 0
    packets, lengths = packets[cut], capture.lengths[rows[cut]].astype(np.int64)
    missing = lengths[:, 1] - lengths[:, 0] - (packets[:, MISC] & 0xFF)
    payload = (packets[:, LENGTH_FLAGS] >> 8).astype(np.int64)
    return bool((payload - missing < np.minimum(payload, _covered(packets, capture))).any())


def _covered(packets: PacketRows, capture: Capture) -> Int64s:
    """int64[n]: how many bytes of a payload the digests of packets cover."""
    protocol = capture.flows[packets[:, FLOW] >> 1][:, FLOW_PROTO] & 0xFF
    errors = are_icmp_errors(packets, protocol)
    result = np.full(len(packets), _DIGEST_BYTES, np.int64)
    result[protocol == _SCTP] = _SCTP_BYTES
    result[errors] = np.where(protocol[errors] == _ICMP, _QUOTED_BYTES, _QUOTED_BYTES6)
    return result


def are_icmp_errors(packets: PacketRows, protocol: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    """bool[n]: which packets, of these IP protocols, tell their receiver what became of a packet it sent."""
    kind = packets[:, ACK] >> 24
    of_icmp, of_icmp6 = np.isin(kind, _ICMP_ERRORS), kind < _FIRST_ANSWER
    result: npt.NDArray[np.bool_] = (protocol == _ICMP) & of_icmp | (protocol == _ICMP6) & of_icmp6
    return result
