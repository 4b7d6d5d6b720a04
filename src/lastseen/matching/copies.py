"""A packet that one point saw several times on its way through a host, as different conversations: it is one packet.

A capture of all interfaces of a router (`tcpdump -i any`) shows it as it came, translated, in its tunnel and out of it.
The next point has one of these. Of TCP the initial sequence number tells which conversations are one; datagrams have
none, and an attempt to connect that nobody answers has little else. What is missing at the next point as one of them
and came by as another is not lost; and what is lost was last seen where it came by last.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lastseen.compiled import kernel
from lastseen.matching.grouping import Grouped
from lastseen.tables.packets import (
    ACK,
    FLOW,
    FLOW_PORTS,
    ID_WINDOW,
    INFO_IP_ID,
    INFO_TIMESTAMPS,
    LENGTH_FLAGS,
    MISC,
    SEQ,
)
from lastseen.tables.points import DELIVERED, DUPLICATED, LOST, MERGED, SPLIT, Hop, Point

__all__ = ["rows_with", "take_back_copies"]

THROUGH_NS: Final = 1_000_000_000
"""So long a host may keep a packet that it passes on: RFC 4861 asks for a neighbour's address so often."""
PASSED_ON_NS: Final = 20_000_000
"""So long, where no identification tells the packet from one that was sent again."""
_NUMBERED: Final = INFO_IP_ID | INFO_TIMESTAMPS
_BUCKETS: Final = 1 << 20

Int64s = npt.NDArray[np.int64]


def take_back_copies(points: Sequence[Point], grouped: Sequence[Grouped], hops: Iterable[Hop]) -> None:
    """Call DUPLICATED what is LOST as one of a packet's sightings at a point, and came by there once more or got on."""
    of_point: dict[int, list[Hop]] = {}
    for hop in hops:
        of_point.setdefault(hop.upstream, []).append(hop)
    for upstream, mine in of_point.items():
        point = points[upstream]
        is_lost = np.logical_or.reduce([hop.fate == LOST for hop in mine])
        if not is_lost.any() or point.group_count == 1:
            continue
        rows, runs = _alike(point, grouped[upstream], is_lost)
        arrived = np.logical_or.reduce([np.isin(hop.fate[rows], (DELIVERED, MERGED, SPLIT)) for hop in mine])
        places = [k for run in runs for k in _copies(point, grouped[upstream], (rows, run), arrived)]
        again = rows[np.array(places, np.int64)]
        for hop in mine:
            hop.fate[again[hop.fate[again] == LOST]] = DUPLICATED


def _alike(point: Point, grouped: Grouped, is_lost: npt.NDArray[np.bool_]) -> tuple[Int64s, list[Int64s]]:
    """(rows, places in them by packet: in order of time, of two conversations at the least and one lost row).

    Both ports are those of the packet: hosts seldom translate them, and many a client's first numbers are another's.
    """
    packets = grouped.packets
    wanted = np.zeros(_BUCKETS, np.bool_)
    wanted[packets[is_lost, SEQ] % _BUCKETS] = True
    rows = rows_with(packets, point.group_of, wanted)
    some = packets[rows]
    numbered = some[:, MISC] >> 24 & _NUMBERED > 0
    identification = np.where(numbered, some[:, ID_WINDOW] >> 16, 0)
    key = np.stack(
        [some[:, SEQ], some[:, ACK], some[:, LENGTH_FLAGS], identification, _ports(point, some)], axis=1
    )
    order = np.lexsort((rows, grouped.times_ns(rows), *key.T))
    runs = np.split(
        order, np.flatnonzero((np.diff(key[order].astype(np.int64), axis=0) != 0).any(axis=1)) + 1
    )
    groups = point.group_of[rows]
    return rows, [run for run in runs if len(run) > 1 and is_lost[rows[run]].any() and np.ptp(groups[run])]


@kernel
def rows_with(packets: Any, group_of: Any, wanted: Any) -> Any:
    """int64[k]: rows of a conversation whose sequence numbers are `wanted`, by their last bits."""
    count = 0
    found = np.empty(packets.shape[0], np.int64)
    for row in range(packets.shape[0]):
        if wanted[packets[row, SEQ] % wanted.size] and group_of[row] >= 0:
            found[count] = row
            count += 1
    return found[:count].copy()


def _ports(point: Point, packets: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """uint32[n]: the ports of packets of a flow, the sender's in the high half."""
    ports = point.capture.flows[packets[:, FLOW] >> 1, FLOW_PORTS]
    turned = ports >> np.uint32(16) | ports << np.uint32(16)
    return np.asarray(np.where(packets[:, FLOW] & 1, turned, ports))


def _copies(
    point: Point, grouped: Grouped, found: tuple[Int64s, Int64s], arrived: npt.NDArray[np.bool_]
) -> Iterable[int]:
    """Those of a run, in order of time, that came by again later or have another sighting that arrived.

    Another sighting of one lies between its own conversation's sightings before and after it.
    """
    rows, run = found
    times, groups = grouped.times_ns(rows[run]), point.group_of[rows[run]]
    packets = grouped.packets[rows[run]]
    numbered = packets[0, MISC] >> 24 & _NUMBERED and packets[0, ID_WINDOW] >> 16
    longest = THROUGH_NS if numbered else PASSED_ON_NS
    for k, place in enumerate(run.tolist()):
        own = np.flatnonzero(groups == groups[k])
        begin, end = own[own < k].max(initial=-1), own[own > k].min(initial=len(run))
        near = np.arange(begin + 1, end)
        near = near[(np.abs(times[near] - times[k]) <= longest) & (near != k)]
        if (near > k).any() or arrived[run[near]].any():
            yield place
