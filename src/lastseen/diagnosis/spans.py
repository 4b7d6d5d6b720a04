"""Counts of each span between snapshots beside the packets lost in it: what was counted until the stall, what after.

A counter that agrees over the whole case and was read in the middle of the stall too must agree on either side of that
reading; where it does not, it counts something else. The reading's time is that noted with it: without one nobody knows
which packets came before it, and nothing is said.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.diagnosis.countable import countable
from lastseen.faults.counting import LAG_PACKETS
from lastseen.faults.facts import Delta, Facts, LossSite
from lastseen.tables.counted import counted
from lastseen.tables.facts_from_texts import Moment
from lastseen.tables.judgements import Reason

__all__ = ["lost_by", "of_spans"]

SPANS: Final = {
    ("before", "mid"): "until the snapshot 'mid'",
    ("mid", "after"): "after the snapshot 'mid'",
}
OTHERS: Final = "it counts something else, too"


def lost_by(facts: Facts, site: LossSite) -> npt.NDArray[np.int64]:
    """int64[k], ns on the first point's clock: when each packet that never arrived was last seen."""
    times = site.upstream.capture.times_ns()[site.missing_rows]
    return np.asarray(times + facts.matching.offsets_ns[site.hop.upstream], dtype=np.int64)


def of_spans(
    facts: Facts, site: LossSite, moments: Sequence[Moment], wanted: Collection[str]
) -> Iterator[Reason]:
    """A sentence for each span between snapshots of the hop's node, on those counts that are `wanted` by name."""
    noted = _noted(moments, site.node)
    if "mid" not in noted:
        return
    times = lost_by(facts, site)
    counts = {span: {what: d for what, d in countable(facts, site, span) if what in wanted} for span in SPANS}
    lost = {}
    for span in SPANS:
        first, last = noted.get(span[0], []), noted.get(span[1], [])
        inside = (times > max(first, default=times.min() - 1)) & (times <= max(last, default=times.max()))
        lost[span] = int(inside.sum())
    off = _off(counts, lost)
    for span, when in SPANS.items():
        found = counts[span]
        if found:
            what = f"{when}, {counted(lost[span], 'packet')} lost behind {site.upstream.name}"
            yield Reason(
                text=_sentence(what, lost[span], found, off), source=next(iter(found.values())).after
            )


def _off(
    counts: Mapping[tuple[str, str], Mapping[str, Delta]], lost: Mapping[tuple[str, str], int]
) -> dict[str, str]:
    """Why each count differs from the packets lost: a late reading counts on one side what it lacks on the other."""
    (until, after), (lost_until, lost_after) = counts.values(), lost.values()
    why = {}
    for what, delta in until.items():
        more = delta.value - lost_until
        balanced = what in after and after[what].value - lost_after == -more
        why[what] = (
            f"read after {counted(more, 'packet')} more had come"
            if balanced and 0 < more <= LAG_PACKETS
            else OTHERS
        )
    return why


def _noted(moments: Sequence[Moment], node: str | None) -> defaultdict[str, list[int]]:
    """When each snapshot of a node was taken, ns; a note beside the hosts' folders is for all of them."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for moment in moments:
        if moment.what == "snapshot" and moment.node in ("", node):
            found[moment.snapshot].append(moment.at_ns)
    return found


def _sentence(what: str, lost: int, found: Mapping[str, Delta], off: Mapping[str, str]) -> str:
    parts = [
        " = ".join([what, *(f"{delta.value} {name}" for name, delta in found.items() if delta.value == lost)])
    ]
    parts += [
        f"{delta.value} {name} ({off.get(name, OTHERS)})"
        for name, delta in found.items()
        if delta.value != lost
    ]
    return "; ".join(parts)
