"""Join drops of a trace that names no packets (skb:kfree_skb) to lost packets, by the pauses between them.

Such a trace has times in a clock of its own and nothing else, so one drop alone proves nothing. But where the kernel of
the node gave packets up in one place for one reason exactly as often as packets were lost there, in the same uneven
rhythm (retransmission timers double), and nothing else there has that rhythm, each drop is that of one packet.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.faults.facts import JoinedDrop, LossSite

__all__ = ["joined_by_pauses"]

FEWEST: Final = 4
"""Three pauses: two may be alike by chance."""
UNEVEN: Final = 1.5
"""The longest pause beside the shortest; timers double."""
SPREAD_NS: Final = 5_000_000
"""A packet is captured and dropped by the same host within milliseconds (20 us in the recorded cases)."""

Times = npt.NDArray[np.int64]


def joined_by_pauses(drops: Sequence[JoinedDrop], sites: Sequence[LossSite]) -> tuple[JoinedDrop, ...]:
    """The same drops in the same order, those that fit one site's losses joined to them."""
    groups: dict[tuple[str, str, str, str, str], list[int]] = defaultdict(list)
    for number, item in enumerate(drops):
        drop = item.drop
        if drop.packet is None and drop.at_ns is not None:
            groups[drop.node, drop.source.file, drop.clock, drop.reason, drop.location].append(number)
    nodes = {node for node, *_ in groups}
    lost = {site.number: _lost(site) for site in sites if site.node in nodes}
    fits = [
        (numbers, site)
        for (node, *_), numbers in groups.items()
        for site in sites
        if site.node == node and _same_pauses(_times(drops, numbers), lost[site.number][1])
    ]
    result = list(drops)
    for numbers, site in fits:
        alone = sum(other is numbers for other, _ in fits) == 1 == sum(other is site for _, other in fits)
        if alone:
            order = sorted(numbers, key=lambda number: drops[number].drop.at_ns or 0)
            for number, row in zip(order, lost[site.number][0], strict=True):
                result[number] = replace(
                    drops[number], point=site.hop.upstream, row=row, candidates=1
                )  # fmt: skip
    return tuple(result)


def _lost(site: LossSite) -> tuple[list[int], Times]:
    """(rows of the lost and unproven packets in order of time, their times)."""
    rows = site.missing_rows
    times = site.upstream.capture.times_ns()[rows]
    order = np.argsort(times, kind="stable")
    return rows[order].tolist(), times[order]


def _times(drops: Sequence[JoinedDrop], numbers: Sequence[int]) -> Times:
    return np.sort(np.array([drops[number].drop.at_ns for number in numbers], np.int64))


def _same_pauses(dropped: Times, lost: Times) -> bool:
    if len(dropped) != len(lost) or len(lost) < FEWEST:
        return False
    pauses = np.diff(lost)
    uneven = bool(pauses.max() >= UNEVEN * max(int(pauses.min()), SPREAD_NS))
    return uneven and int(np.ptp(lost - dropped)) <= SPREAD_NS
