"""Reconcile the layers in numbers: as many packets lost as lines logged, drops traced and hits counted, or why not.

Each layer counts what it sees, at the moment it is read. Equal numbers are said as equal; of unequal ones the likely
reason is given where the evidence holds one, and what no evidence explains is left to the rules, not talked away.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from lastseen.diagnosis.countable import countable
from lastseen.diagnosis.spans import lost_by, of_spans
from lastseen.faults.counting import agrees, lost_at
from lastseen.faults.facts import Facts, JoinedDrop, JoinedLine, LossSite
from lastseen.tables.facts_from_texts import Moment
from lastseen.tables.judgements import Reason
from lastseen.tables.sources import Source

__all__ = ["reconciled"]

SHOWN: Final = 5
"""Counts of one place in a sentence: more nobody reads."""
_OFFSET: Final = re.compile(r"\+0x[0-9a-f]+(?:/0x[0-9a-f]+)?$")


@dataclass(frozen=True, slots=True)
class _Tally:
    """How much one layer counted. `why`: what explains a difference, "" where there is none."""

    count: int
    what: str
    source: Source
    why: str = ""


def reconciled(facts: Facts, moments: Sequence[Moment]) -> tuple[Reason, ...]:
    """A sentence for each place at which packets were lost that somebody waited for and another layer counts.

    Where snapshots were taken in the middle of the stall, a sentence for each span between snapshots follows.
    """
    reasons = []
    for site in facts.losses():
        found = [*_texts(facts, site), *_counted(facts, site, moments)]
        found.sort(key=lambda one: abs(one.count - lost_at(site)))
        if found:
            shown = found[:SHOWN]
            reasons.append(Reason(text=_sentence(site, shown), source=shown[0].source))
            reasons.extend(of_spans(facts, site, moments, {one.what for one in shown}))
    return tuple(reasons)


def _sentence(site: LossSite, found: Sequence[_Tally]) -> str:
    lost = lost_at(site)
    equal = [f"{one.count} {one.what}" for one in found if one.count == lost]
    parts = [" = ".join([f"{lost} packet{'s' if lost > 1 else ''} lost behind {site.upstream.name}", *equal])]
    # a reason that holds for several counts stands behind the last of them
    for why, alike in groupby(
        (one for one in found if one.count != lost or one.why), key=lambda one: one.why
    ):
        counts = "; ".join(f"{one.count} {one.what}" for one in alike if one.count != lost)
        parts.append(f"{counts} ({why})" if why and counts else counts or why)
    return "; ".join(parts)


# ---- lines and drops, joined one by one ----
def _texts(facts: Facts, site: LossSite) -> Iterator[_Tally]:
    rows = set(site.missing_rows.tolist())
    groups: dict[str, list[JoinedLine | JoinedDrop]] = defaultdict(list)
    for line in facts.log_lines:
        if line.line.packet is not None:
            groups[f'kernel lines "{line.line.reason or line.line.topic}"'].append(line)
    for drop in facts.drops:
        if drop.row is not None or drop.candidates:
            groups[f"traced drops {drop.drop.reason}".rstrip()].append(drop)
    for what, items in groups.items():
        at = [(item, facts.row_at(item, site.hop.upstream, site.hop.direction)) for item in items]
        mine = [(item, row) for item, row in at if row in rows]
        if mine:
            why = _other_texts(facts, site, items, mine=len(mine))
            told = what + _functions([item for item, _ in mine])
            yield _Tally(len({row for _, row in mine}), told, _source(mine[0][0]), why)


def _functions(items: Sequence[JoinedLine | JoinedDrop]) -> str:
    """Where they were dropped (a kernel function, a rule): " at F"; nothing for lines and drops that do not say it."""
    places = (_OFFSET.sub("", item.drop.location) for item in items if isinstance(item, JoinedDrop))
    names = list(dict.fromkeys(filter(None, places)))
    return f" at {', '.join(names[:SHOWN])}" if names else ""


def _source(item: JoinedLine | JoinedDrop) -> Source:
    return item.line.source if isinstance(item, JoinedLine) else item.drop.source


def _other_texts(facts: Facts, site: LossSite, items: Sequence[JoinedLine | JoinedDrop], *, mine: int) -> str:
    """What else such texts are about, and why some are missing."""
    passed = sum(item.row is not None for item in items) - mine
    unclear = sum(item.row is None and item.candidates > 1 for item in items)
    found = [f"{passed} more of them are about other packets"] if passed else []
    found += [f"{unclear} more could each mean several packets"] if unclear else []
    if mine < lost_at(site) and facts.lines("rate_limited"):
        found.append("the log suppressed some")
    return ", ".join(found)


# ---- counters and rules, counted only ----
def _counted(facts: Facts, site: LossSite, moments: Sequence[Moment]) -> Iterator[_Tally]:
    late = _after_snapshot(facts, site, moments)
    for what, delta in countable(facts, site):
        why = _difference(delta.value, lost_at(site), late)
        if why is not None:
            yield _Tally(delta.value, what, delta.after, why)


def _difference(value: int, lost: int, late: int) -> str | None:
    """Why a count is not that of the lost packets, "" where it is; None: it is about other things."""
    if value == lost:
        return ""
    if late and value == lost - late:
        return f"{late} of the lost packets came after the snapshot"
    if not agrees(value, lost):
        return None
    return "read before the last ones came" if value < lost else "other packets are counted, too"


def _after_snapshot(facts: Facts, site: LossSite, moments: Sequence[Moment]) -> int:
    """How many were lost after the later counters were read, by the time noted with them."""
    noted = [m.at_ns for m in moments if m.snapshot == "after" and m.node in ("", site.node)]
    if not noted:
        return 0
    return int((lost_by(facts, site) > max(noted)).sum())
