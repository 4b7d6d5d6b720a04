"""How long the packets of either sender usually take from one point to another, clocks as they are.

Two senders' packets differ in that by the round trip between the points. Who of a conversation counts as which sender
is each conversation's own matter until the points are in order, so those that take the way of the others' answers are
turned round here.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lastseen.compiled import kernel, step_kernel
from lastseen.matching.coverage import NEARBY_NS
from lastseen.matching.grouping import Grouped
from lastseen.matching.middle import median
from lastseen.matching.pairs import EXACT, Paired
from lastseen.matching.sightings import time_of

__all__ = ["NEARER", "usual_shifts", "with_common_senders"]

SAMPLE: Final = 10_000
"""Packets a usual time is taken of: more would not move it by what matters here."""
NEARER: Final = 4
"""So much nearer to the other sender's usual time than to its own lies the time of who goes the other's way."""

_UNKNOWN: Final = np.int64(1 << 62)

Int64s = npt.NDArray[np.int64]


def usual_shifts(
    grouped: tuple[Grouped, Grouped], sides: Int64s, p: Paired
) -> tuple[Int64s, npt.NDArray[np.bool_]]:
    """int64[2]: usual time from p to q of each sender's packets, clocks as they are; bool[2]: whether there are any.

    Packets that no other can be taken for tell best. Of very many some are looked at, all where these tell nothing.
    """
    sizes = np.diff(grouped[0].starts)[sides[:, 0]]
    totals = np.bincount(sides[:, 2], weights=sizes, minlength=2).astype(np.int64)
    every = np.maximum(totals // (2 * SAMPLE), 1)
    result, known = _usual_of_senders(p.how, *_travel_times(grouped, sides, p.partner, every))
    if known.all() or every.max() == 1:
        return result, known
    return _usual_of_senders(p.how, *_travel_times(grouped, sides, p.partner, np.ones(2, np.int64)))


def with_common_senders(grouped: tuple[Grouped, Grouped], sides: Int64s, p: Paired) -> Int64s:
    """The sides of all conversations, two each; the senders of those turned that go the way of the others' answers.

    Both senders' times tell, or one's that is that of the others' other sender.
    """
    times = _first_times(
        grouped[0].packets, grouped[1].packets, sides, grouped[0].rows, grouped[0].starts, p.partner, p.how
    ).reshape(-1, 2)
    seen = times < _UNKNOWN
    told = seen.all(axis=1)
    if not told.any():  # by itself one that was seen in one direction could be either
        return sides
    usual = median(times[told, 0]), median(times[told, 1])
    apart = usual[0] - usual[1]
    turned = told & ((times[:, 0] - times[:, 1]) * np.sign(apart) < 0)
    for sender in (0, 1):
        alone = seen[:, sender] & ~told
        turned[alone] = NEARER * np.abs(times[alone, sender] - usual[1 - sender]) < abs(apart)
    result = sides.copy()
    result[:, 2] ^= np.repeat(turned, 2)
    return result


@kernel
def _first_times(
    packets_p: Any, packets_q: Any, sides: Any, rows: Any, starts: Any, partner: Any, how: Any
) -> Any:  # fmt: skip
    """int64[k]: of each side the time from p to q of the first packet that no other can be taken for; or _UNKNOWN."""
    times = np.full(sides.shape[0], _UNKNOWN, np.int64)
    for k in range(sides.shape[0]):
        for i in range(starts[sides[k, 0]], starts[sides[k, 0] + 1]):
            if how[rows[i]] == EXACT:
                times[k] = time_of(packets_q[partner[rows[i]]]) - time_of(packets_p[rows[i]])
                break
    return times


def _travel_times(
    grouped: tuple[Grouped, Grouped], sides: Int64s, partner: npt.NDArray[np.int32], every: Int64s
) -> tuple[Int64s, Int64s, npt.NDArray[np.uint8]]:
    """(travel, row, sender) of p's packets that are paired; of each sender every `every`th packet is looked at.

    `travel`: time from p to q in ns, clocks as they are; `row` at p; `sender`: who of the conversation sent it.
    """
    room = int((np.diff(grouped[0].starts)[sides[:, 0]] // every[sides[:, 2]]).sum()) + len(sides)
    travel, row, sender = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.uint8)
    count = _travel(
        grouped[0].packets, grouped[1].packets, sides, grouped[0].rows, grouped[0].starts, partner,
        every, np.zeros(2, np.int64), travel, row, sender,
    )  # fmt: skip
    return travel[:count], row[:count], sender[:count]


@step_kernel
def _travel(
    packets_p: Any, packets_q: Any, sides: Any, rows: Any, starts: Any, partner: Any,
    every: Any, ahead: Any, travel: Any, row_of: Any, sender: Any,
) -> Any:  # fmt: skip
    """`ahead`: int64[2], of each sender how many packets come before the next one looked at."""
    count = 0
    for k in range(sides.shape[0]):
        who, end = sides[k, 2], starts[sides[k, 0] + 1]
        i = starts[sides[k, 0]] + ahead[who]
        while i < end:
            row = rows[i]
            if partner[row] >= 0:
                travel[count] = time_of(packets_q[partner[row]]) - time_of(packets_p[row])
                row_of[count], sender[count] = row, who
                count += 1
            i += every[who]
        ahead[who] = i - end
    return count


def _usual_of_senders(
    how: npt.NDArray[np.uint8], travel: Int64s, rows: Int64s, sender: npt.NDArray[np.uint8]
) -> tuple[Int64s, npt.NDArray[np.bool_]]:
    sure = how[rows] == EXACT
    result, known = np.zeros(2, np.int64), np.zeros(2, np.bool_)
    for number in (0, 1):
        mine = sender == number
        if mine.any():
            known[number] = True
            result[number] = _usual(travel[mine & sure] if (mine & sure).any() else travel[mine])
    return result, known


def _usual(travel: Int64s) -> int:
    """The middle of the densest millisecond: packets taken for their twins may be half of all, but lie anywhere."""
    some = np.sort(travel[:: -(-len(travel) // SAMPLE)])
    until = np.searchsorted(some, some + NEARBY_NS, side="right")
    first = int(np.argmax(until - np.arange(len(some))))
    return int(some[(first + int(until[first]) - 1) // 2])
