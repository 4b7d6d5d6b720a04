"""How long each point certainly watched, from what was recorded beside the captures.

A packet that comes after a capture's last one is lost only if that capture still ran. Three things prove it: the
capture's own closing record, the time a later snapshot of the same run was taken, and, finer than any clock, a
later snapshot whose interface counters have counted every packet of a neighbouring capture: it was read after the
last of them. The same counters tell whether the capture has all that passed its interface, or a filter left some out.
Nothing proves it of a capture of which the run's own record says that it ended early; and not even all that it has
the time of was recorded there (`fates.py`). How many packets tcpdump dropped it says itself, in its closing lines.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from lastseen.tables.facts_from_texts import Counter, CutCapture, Moment, Row
from lastseen.tables.packets import FLOW, NO_FLOW
from lastseen.tables.points import Point
from lastseen.tables.sources import Source

__all__ = ["with_watches"]

_DROPPED: Final = "packets_dropped_by_kernel"
"""What the readers of tcpdump's closing lines call packets that came faster than it read them."""

_Proof = tuple[str, int, str]
"""(node, time in ns, what proves that it ran then)."""


def with_watches(points: Sequence[Point], rows: Iterable[Row]) -> list[Point]:
    """The points, each with the latest moment at which it is known to have been watching."""
    if not points:
        return []
    moments: dict[str, list[Moment]] = {"before": [], "after": []}
    counters: list[Counter] = []
    closing: list[Counter] = []
    cut: set[str] = set()
    for row in rows:
        if isinstance(row, Moment) and row.snapshot in moments:
            moments[row.snapshot].append(row)
        elif isinstance(row, Counter) and row.family == "link" and row.name in ("rx_packets", "tx_packets"):
            counters.append(row)
        elif isinstance(row, Counter) and row.family == "capture" and row.name == _DROPPED:
            closing.append(row)
        elif isinstance(row, CutCapture):
            cut.add(row.file)
    first, last = (
        [(m.node, m.at_ns, f"the snapshot taken then ({m.source})") for m in moments[when]]
        for when in moments
    )
    proofs = last + [proof for point in points if (proof := _counted_all(point, counters))]
    counted = [_with_uncaptured(point, counters, _of(point, first), _of(point, last)) for point in points]
    told = [_with_dropped(point, closing) for point in counted]
    return [_cut(point) if point.file in cut else _watching(point, _of(point, proofs)) for point in told]


def _cut(point: Point) -> Point:
    return replace(point, watch=replace(point.watch, is_cut=True))


def _with_dropped(point: Point, closing: list[Counter]) -> Point:
    """The point with what tcpdump's closing lines say that the kernel dropped at its interface.

    What the interface dropped never reached this host, and is lost.
    """
    own = [c for c in closing if c.scope in (point.interface, point.name) and c.node in ("", point.node)]
    return replace(point, dropped_packets=point.dropped_packets + sum(c.value or 0 for c in own))


def _of(point: Point, proofs: list[_Proof]) -> list[_Proof]:
    """Those of the point's node; those of the only node that has any serve all."""
    nodes = {node for node, _, _ in proofs}
    return [p for p in proofs if p[0] == point.node or (len(nodes) == 1 and point.node not in nodes)]


def _watching(point: Point, proofs: list[_Proof]) -> Point:
    """The point with the best of the proofs."""
    if not proofs or point.watch.reason == "case.toml":
        return point
    at, reason = max((at, reason) for _, at, reason in proofs)
    if at <= max(point.watch.end_ns or 0, point.last_ns or 0):
        return point
    return replace(point, watch=replace(point.watch, end_ns=at, reason=reason, is_closed=False))


def _with_uncaptured(point: Point, counters: list[Counter], first: list[_Proof], last: list[_Proof]) -> Point:
    """The point with how many packets its interface counted beside those captured, if snapshots were taken around."""
    deltas = _deltas(point, counters)
    if deltas is None or not first or not last or point.first_ns is None or point.last_ns is None:
        return point
    begins, ends = max(at for _, at, _ in first), min(at for _, at, _ in last)
    beside = sum(deltas[0]) - len(point.capture.packets)
    if beside < 0 or begins > point.first_ns or ends < point.last_ns:
        return point
    return replace(point, watch=replace(point.watch, uncaptured=beside, counted_ns=(begins, ends)))


def _counted_all(point: Point, counters: list[Counter]) -> _Proof | None:
    """(node, time, reason) when a later snapshot's counters have counted exactly the packets captured here.

    Then it was read after the last of them. The counters are those of the point's interface.
    """
    if not point.interface or point.last_ns is None:
        return None
    deltas = _deltas(point, counters)
    if deltas is None:
        return None
    values, source = deltas
    if sorted(values) != sorted(_sent_by_side(point)) or min(values) == 0:
        return None
    reason = f"counters read after frame {len(point.capture.packets)} of {point.name} ({source})"
    return point.node, point.last_ns, reason


def _deltas(point: Point, counters: list[Counter]) -> tuple[list[int], Source] | None:
    """Packets received and sent by the point's interface between the before and the after snapshot."""
    found: dict[tuple[str, str], Counter] = {
        (c.snapshot, c.name): c for c in counters if c.node == point.node and c.scope == point.interface
    }
    values, source = [], None
    for name in ("rx_packets", "tx_packets"):
        before, after = found.get(("before", name)), found.get(("after", name))
        if before is None or after is None or before.value is None or after.value is None:
            return None
        values.append(after.value - before.value)
        source = after.source
    return (values, source) if source else None


def _sent_by_side(point: Point) -> list[int]:
    """Packets the two ends of the point's single flow sent; with several flows nothing is claimed."""
    words = point.capture.packets[:, FLOW]
    if not len(words) or (words == NO_FLOW).any() or len(np.unique(words >> 1)) != 1:
        return [-1, -1]
    backward = int((words & 1).sum())
    return [len(words) - backward, backward]
