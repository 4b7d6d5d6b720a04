"""Contrast-set mining: which features the lost packets have and the delivered ones have not.

S. D. Bay and M. J. Pazzani, Detecting group differences: mining contrast sets, 2001. The groups are small and the
features few, so every feature and every pair of features is counted; what remains of the art is to say each set of
packets once, under the name that says most of a mechanism, and to name what else would pick the same packets.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import combinations
from math import exp, inf
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.contrasts.features import features, holds
from lastseen.contrasts.fisher import fisher_exact, log_probability
from lastseen.tables.contrasts import Contrast
from lastseen.tables.details import DetailRows

__all__ = ["mine"]

Bools = npt.NDArray[np.bool_]

MOST_ROWS: Final = 12
"""More than a reader compares."""
MOST_PAIRS: Final = 3
"""Pairs are many, so some separate well by chance; the best few are enough to see whether they mean something."""
MOST_UNCOMPARED: Final = 6
"""Without delivered packets nothing is ranked: the list is a description, and short."""
FEWEST_OF_LOST: Final = 2
"""A feature counts when at least one in so many lost packets has it: rarer ones cannot be the main cause."""


@dataclass(frozen=True, slots=True)
class _Groups:
    """How many packets were lost, how many delivered, and at which hop."""

    lost: int
    delivered: int
    hop: int


@dataclass(frozen=True, slots=True, eq=False)
class _Set:
    """A set of packets that holds at least half of the lost, and the features that pick it, by priority.

    `picked`: bool[lost + delivered], the lost packets first. `lost`, `delivered`: how many of each it holds.
    """

    names: tuple[str, ...]
    text: str
    picked: Bools
    lost: int
    delivered: int


def mine(lost: DetailRows, delivered: DetailRows, *, hop: int) -> tuple[Contrast, ...]:
    """What distinguishes the lost packets from the delivered ones of the same direction and connections.

    At most 12 contrasts: features that at least half of the lost have, and relatively more of them than of the
    delivered. Separating ones come first, then the smaller p-value, the larger risk ratio, and what says more of a
    mechanism. Features that pick exactly the same packets share one row (`same_as`). Where no feature separates,
    up to three pairs ("A and B") that separate better than any single one are among them. The order of the
    packets does not matter.

    Without delivered packets nothing can be compared: up to six telling features that all lost packets share are
    returned, with p-value 1 and nothing in `same_as`. Without lost packets there is nothing to explain: ().
    """
    groups = _Groups(len(lost), len(delivered), hop)
    if not groups.lost:
        return ()
    if not groups.delivered:
        return _shared(lost, groups)
    packets = np.asfortranarray(np.concatenate((lost, delivered)))  # a column in one piece is read faster
    picks = ((f.name, f.text, holds(f, packets)) for f in features(lost))
    sets = [s for s in _sets(picks, groups) if not s.picked.all()]
    singles = sorted((_contrast(s, groups) for s in sets if _is_over_represented(s, groups)), key=_rank)
    return (*_pairs(sets, singles[:1], groups), *singles)[:MOST_ROWS]


def _shared(lost: DetailRows, groups: _Groups) -> tuple[Contrast, ...]:
    """What all lost packets have and not every packet has."""
    shared = [f for f in features(lost) if f.telling and holds(f, lost).all()]
    return tuple(
        Contrast(
            feature=feature.name,
            text=feature.text,
            lost=groups.lost,
            lost_total=groups.lost,
            delivered=0,
            delivered_total=0,
            risk_ratio=None,
            p_value=1.0,
            hop=groups.hop,
        )
        for feature in shared[:MOST_UNCOMPARED]
    )


def _sets(picks: Iterable[tuple[str, str, Bools]], groups: _Groups) -> list[_Set]:
    """Each set of packets once, from (name, text, picked) by priority; those with too few of the lost left out."""
    found: dict[bytes, _Set] = {}
    for name, text, picked in picks:
        lost = int(np.count_nonzero(picked[: groups.lost]))
        if lost * FEWEST_OF_LOST < groups.lost:
            continue
        key = np.packbits(picked).tobytes()
        if key in found:
            found[key] = replace(found[key], names=(*found[key].names, name))
        else:
            found[key] = _Set((name,), text, picked, lost, int(np.count_nonzero(picked)) - lost)
    return list(found.values())


def _is_over_represented(found: _Set, groups: _Groups) -> bool:
    """The set holds a larger part of the lost than of the delivered: the risk ratio is above 1 or has no bound."""
    return found.lost * groups.delivered > found.delivered * groups.lost


def _contrast(found: _Set, groups: _Groups) -> Contrast:
    return Contrast(
        feature=found.names[0],
        text=found.text,
        lost=found.lost,
        lost_total=groups.lost,
        delivered=found.delivered,
        delivered_total=groups.delivered,
        risk_ratio=_risk_ratio(*_table(found, groups)),
        p_value=fisher_exact(*_table(found, groups)),
        same_as=found.names[1:],
        hop=groups.hop,
    )


def _table(found: _Set, groups: _Groups) -> tuple[int, int, int, int]:
    """Lost and delivered in the set, lost and delivered outside it."""
    return found.lost, found.delivered, groups.lost - found.lost, groups.delivered - found.delivered


def _risk_ratio(
    lost_with: int, delivered_with: int, lost_without: int, delivered_without: int
) -> float | None:
    """P(lost | feature) / P(lost | no feature); None when no packet without the feature was lost.

    A quotient of whole numbers, rounded once: any multiple of the counts gives the same float.
    """
    if not lost_without:
        return None
    return lost_with * (lost_without + delivered_without) / (lost_without * (lost_with + delivered_with))


def _rank(contrast: Contrast) -> tuple[bool, float, float]:
    """Smaller is better. Sorting is stable, so equals stay in their order of priority."""
    ratio = inf if contrast.risk_ratio is None else contrast.risk_ratio
    return not contrast.separates, contrast.p_value, -ratio


def _pairs(sets: list[_Set], best: list[Contrast], groups: _Groups) -> list[Contrast]:
    """The best conjunctions of two features; each separates strictly better than the best single one (if any)."""
    if best and best[0].separates:
        return []
    bar = _rank(best[0]) if best else (True, 1.0, -1.0)
    picks = (
        (f"{a.names[0]} and {b.names[0]}", f"{a.text} and {b.text}", a.picked & b.picked)
        for a, b in combinations(sets, 2)
    )
    hopeful = (
        s for s in _sets(picks, groups) if _is_over_represented(s, groups) and _may_reach(bar[1], s, groups)
    )
    better = (c for s in hopeful if _rank(c := _contrast(s, groups)) < bar)
    return sorted(better, key=_rank)[:MOST_PAIRS]


def _may_reach(p_value: float, found: _Set, groups: _Groups) -> bool:
    """Whether the exact test, which costs more, is worth while: no p-value is below its own table's probability."""
    return exp(log_probability(*_table(found, groups))) <= p_value
