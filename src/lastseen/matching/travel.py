"""How long packets took from one point to another, and how many routers they passed: what order and clocks rest on.

Of a side whose packets are all paired, pairing has kept the least and the largest time; there only every so many
packets are looked at again. Elsewhere each is.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lastseen.compiled import packet_kernel, side_by_side, step_kernel
from lastseen.matching.grouping import Grouped
from lastseen.matching.pairing import PARTS, in_parts, shared_sides
from lastseen.matching.pairs import EXACT, TWIN, Pairing
from lastseen.matching.sightings import time_of
from lastseen.tables.packets import MISC
from lastseen.tables.points import CLIENT_TO_REMOTE, REMOTE_TO_CLIENT, Conversations

__all__ = ["Travel", "travel_of"]

SAMPLE: Final = 50_000
"""Packets a median is taken of, at least, where there are more: their number would not move it by what matters."""

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Travel:
    """The times from p to q of exactly paired packets, clocks as they are.

    `sides`: int64[2 k, 3], see `shared_sides`, each conversation's client first. `extremes`: int64[2 k, 2], least and
    largest time of each side (least > largest: none). `pairs`: how many packets, by sender. `sample`: of each sender,
    int64[n, 3], of evenly spread ones the time and the TTL lost from p to q, and when p saw them.
    """

    sides: Int64s = field(repr=False)
    extremes: Int64s = field(repr=False)
    pairs: tuple[int, int]
    sample: tuple[Int64s, Int64s] = field(repr=False)

    def least_and_largest(self, sender: int) -> tuple[int, int]:
        """Of all packets of one sender; the first is larger where there are none."""
        limits, mine = np.iinfo(np.int64), self.extremes[sender::2]
        return int(mine[:, 0].min(initial=limits.max)), int(mine[:, 1].max(initial=limits.min))


@packet_kernel
def _take(one: Any, other: Any, sample: Any, sender: Any, held: Any) -> Any:
    """Put one packet into the sample; its travel time. A TTL of 0 is one that a listing does not print."""
    before, after = np.int64(one[MISC] >> 8 & 0xFF), np.int64(other[MISC] >> 8 & 0xFF)
    sample[sender, held, 0] = time_of(other) - time_of(one)
    sample[sender, held, 1] = before - after if before and after else 0
    sample[sender, held, 2] = time_of(one)


@step_kernel
def _summary(
    packets_p: Any, packets_q: Any, sides: Any, rows: Any, starts: Any, partner: Any, how: Any, in_step: Any,
    wanted: Any, every: Any, extremes: Any, sample: Any, counts: Any,
) -> None:  # fmt: skip
    """Fill `extremes` of every side not in step, and `sample` with some of each sender.

    `every`: how many packets one of them stands for. `wanted`: how the packets looked at are
    paired. `counts`: int64[2, 2], packets of each sender and how many of them the sample holds.
    """
    for k in range(sides.shape[0]):
        sender = sides[k, 2]
        begin, end = starts[sides[k, 0]], starts[sides[k, 0] + 1]
        count, held = counts[sender, 0], counts[sender, 1]
        if in_step[sides[k, 0]]:
            for i in range(begin + held * every - count, end, every):
                _take(packets_p[rows[i]], packets_q[partner[rows[i]]], sample, sender, held)
                held += 1
            count += end - begin
        else:
            for i in range(begin, end):
                row = rows[i]
                if how[row] == wanted:
                    one, other = packets_p[row], packets_q[partner[row]]
                    travel = time_of(other) - time_of(one)
                    extremes[k, 0], extremes[k, 1] = min(extremes[k, 0], travel), max(extremes[k, 1], travel)
                    if count == held * every:
                        _take(one, other, sample, sender, held)
                        held += 1
                    count += 1
        counts[sender, 0], counts[sender, 1] = count, held


def travel_of(grouped: tuple[Grouped, Grouped], both: Conversations, pairing: Pairing) -> Travel:
    """The travel times between two points, a thread a part of the conversations.

    Twins are looked at only where nothing else was paired.
    """
    sides = shared_sides(both)
    p, q = grouped
    sizes = np.diff(p.starts)[sides[:, 0]]
    every = max(-(-int(sizes.sum()) // (2 * SAMPLE)), 1)
    extremes = pairing.p.span[sides[:, 0]]
    parts = list(zip(in_parts(sides), in_parts(extremes), in_parts(sizes), strict=True))
    samples = [np.empty((2, int(part_sizes.sum()) // every + 1, 3), np.int64) for *_, part_sizes in parts]
    counts = [np.zeros((2, 2), np.int64) for _ in parts]

    def sum_up(n: int) -> None:
        _summary(
            p.packets, q.packets, parts[n][0], p.rows, p.starts, pairing.p.partner, pairing.p.how, pairing.p.in_step,
            TWIN if pairing.only_twins else EXACT, every, parts[n][1], samples[n], counts[n],
        )  # fmt: skip

    side_by_side(sum_up, range(len(parts)), rows=int(sizes.sum()), threads=PARTS)
    to_remote, to_client = (
        np.concatenate([sample[s, : count[s, 1]] for sample, count in zip(samples, counts, strict=True)])
        for s in (CLIENT_TO_REMOTE, REMOTE_TO_CLIENT)
    )
    pairs = int(sum(count[0, 0] for count in counts)), int(sum(count[1, 0] for count in counts))
    return Travel(sides=sides, extremes=extremes, pairs=pairs, sample=(to_remote, to_client))
