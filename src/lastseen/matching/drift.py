"""Clocks that run at different speeds: found from packets of both directions, and taken out of one point's times.

Two clocks of computers may run apart by tens of millionths, a third of a second in an hour (RFC 5905, 11.3): far more
than packets take. Where one direction's packets come early in a capture and the other's late, their usual times then
differ by the drift, and order, offset and the proof that a capture still ran would rest on it.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.matching.grouping import Grouped
from lastseen.matching.middle import median
from lastseen.matching.ordering import SAME_CLOCK_NS
from lastseen.matching.travel import Travel
from lastseen.tables.packets import PacketRows
from lastseen.tables.points import CLIENT_TO_REMOTE, REMOTE_TO_CLIENT, Point

__all__ = ["Drift", "drift_of", "steadied"]

Int64s = npt.NDArray[np.int64]

MOST: Final = 1e-3
"""A larger one is none: Linux lets no clock run off by more than 500 millionths (adjtimex, MAXFREQ)."""
PARTS: Final = 24
"""Parts of the time packets were seen in; of each the packet that took least is compared with those of the others."""
APART: Final = 0.25
"""Of the whole time, how far apart packets must be to tell a drift: near ones tell jitter."""
AGREE: Final = 0.2
"""By how much of it the two directions may differ: a queue that fills delays one of them only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How much faster a point's clock runs than another one's, as a share; it is left alone at `fixed_ns`."""

    rate: float
    fixed_ns: int


def drift_of(travel: Travel) -> Drift | None:
    """What q's clock gains on p's; None: nothing that both directions show alike and that matters."""
    times = np.concatenate([sample[:, 2] for sample in travel.sample])
    if not len(times):
        return None
    begin, span = int(times.min()), int(times.max() - times.min())
    to_remote, to_client = travel.sample[CLIENT_TO_REMOTE], travel.sample[REMOTE_TO_CLIENT]
    rates = tuple(
        sign * _rate(_least_of_parts(sample, sign, begin, span), span)
        for sample, sign in ((to_client, 1), (to_remote, -1))
    )
    rate = min(rates, key=abs)
    both = max(map(abs, rates))
    if abs(rates[0] - rates[1]) > AGREE * both or both > MOST or abs(rate) * span <= SAME_CLOCK_NS:
        return None
    middle = int(median(times - begin)) + begin
    return Drift(rate=rate, fixed_ns=middle + int(median(np.concatenate([to_client, to_remote])[:, 0])))


def _least_of_parts(sample: Int64s, sign: int, begin: int, span: int) -> Int64s:
    """int64[k, 2]: time since `begin` and travel of the packet that took least, of each part of the time that has any.

    `sample` as in `Travel`; `sign` is -1 where its packets come from q: then they took what p is later.
    """
    at, took = sample[:, 2] - begin, sign * sample[:, 0]
    part = at // (span // PARTS + 1)
    order = np.lexsort((took, part))
    first = np.ones(len(order), np.bool_)
    first[1:] = part[order][1:] != part[order][:-1]
    chosen = order[first]
    return np.stack([at[chosen], took[chosen]], axis=1)


def _rate(points: Int64s, span: int) -> float:
    """The median slope of pairs that are far enough apart (Theil and Sen); 0 where none are."""
    one, other = np.triu_indices(len(points), 1)
    apart = points[other] - points[one]
    far = apart[apart[:, 0] > APART * span].astype(np.float64)
    return median(far[:, 1] / far[:, 0]) if len(far) else 0.0


def steadied(point: Point, grouped: Grouped, drift: Drift) -> tuple[Point, Grouped]:
    """A point and its packets by a clock that does not drift; as they are where they do not fit into memory."""
    if _lies_elsewhere(point.capture.packets):
        return point, grouped
    packets = _moved(point.capture.packets, drift)
    same = grouped.packets is point.capture.packets
    watch = point.watch
    moved = replace(
        point,
        capture=replace(point.capture, packets=packets),
        first_ns=_at(point.first_ns, drift),
        last_ns=_at(point.last_ns, drift),
        watch=replace(
            watch,
            start_ns=_at(watch.start_ns, drift),
            end_ns=_at(watch.end_ns, drift),
            counted_ns=(_steady(watch.counted_ns[0], drift), _steady(watch.counted_ns[1], drift)),
        ),
    )
    return moved, replace(grouped, packets=packets if same else _moved(grouped.packets, drift))


def _moved(packets: PacketRows, drift: Drift) -> PacketRows:
    result = packets.copy()
    times = result.view(np.int64)[:, 0]
    times -= ((times - drift.fixed_ns) * _share(drift)).astype(np.int64)
    return result


def _at(time_ns: int | None, drift: Drift) -> int | None:
    return None if time_ns is None else _steady(time_ns, drift)


def _steady(time_ns: int, drift: Drift) -> int:
    return time_ns - int((time_ns - drift.fixed_ns) * _share(drift))


def _share(drift: Drift) -> float:
    """Of the time by the drifting clock, how much is drift."""
    return drift.rate / (1 + drift.rate)


def _lies_elsewhere(packets: npt.NDArray[np.uint32]) -> bool:
    """Whether the table's memory is not an array's own but a mapped file's: then there is no room for a second one."""
    base: object = packets
    while isinstance(base, np.ndarray):
        base = base.base
    return base is not None
