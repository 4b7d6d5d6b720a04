"""Whether chance loses packets as these were lost: no matter what they are, and no matter what was lost before them.

A link that loses at random makes runs of losses as a coin does, and hits packets of every kind alike. A full queue and
a limit do not: what comes while they are full is gone in a row, and what trickles in over a limit is let through and
dropped by turns. The test is that of Wald and Wolfowitz (On a test whether two samples are from the same population,
Annals of Mathematical Statistics 11, 1940): the number of runs, given how many were lost and how many delivered.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.weighing import Observed
from lastseen.tables.contrasts import Contrast
from lastseen.tables.counted import agreed, counted
from lastseen.tables.judgements import Reason
from lastseen.tables.points import DELIVERED, LOST

__all__ = [
    "LEAST_RATIO",
    "TELLING",
    "Runs",
    "in_turns_or_bursts",
    "nothing_counts",
    "preferred",
    "runs_of_loss",
]

TELLING: Final = 1e-3
"""Smaller p-values are no chance; of thirty features one may reach 0.05."""
FEWEST_RUNS: Final = 3
"""Lost packets that are neighbours all together are one event: an outage, not a queue's or a limit's doing."""
LEAST_RATIO: Final = 0.01
"""Of the packets of a direction. TCP's rate falls with the root of the loss ratio (Mathis et al., CCR 1997): from 1 %
on it is felt."""
_SIZES: Final = ("ip.len", "tcp.len", "frame.len")
FEWEST: Final = 5
"""Fewer lost packets show no pattern."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """How many runs of neighbours the lost packets of a direction make, in order of time.

    `expected`: by chance, given as many lost and delivered ones. `p_value`: two-sided, of the normal approximation; 1
    where there is nothing to compare.
    """

    lost: int
    delivered: int
    runs: int
    expected: float
    p_value: float

    @property
    def by_chance(self) -> bool:
        """Whether chance makes such a number of runs."""
        return self.p_value >= TELLING

    @property
    def text(self) -> str:
        """What the runs are like, in words."""
        how = (
            "in bursts"
            if self.runs < self.expected
            else "by turns with delivered ones, more evenly than chance"
        )
        return (
            f"{self.lost} of {self.lost + self.delivered} packets {agreed(self.lost, 'were')} lost {how}: "
            f"in {counted(self.runs, 'run')}, where"
            f" chance makes {self.expected:.0f}"
        )


def runs_of_loss(site: LossSite) -> Runs:
    """The runs of lost packets among those of their direction that were certainly lost or delivered."""
    gone = site.hop.fate[np.isin(site.hop.fate, (LOST, DELIVERED))] == LOST
    lost, delivered = int(gone.sum()), int((~gone).sum())
    total = lost + delivered
    runs = int(np.count_nonzero(np.diff(gone.astype(np.int8), prepend=0) == 1))
    expected = lost * (delivered + 1) / max(total, 1)
    spread = lost * (lost - 1) * delivered * (delivered + 1)
    if not spread:
        return Runs(lost=lost, delivered=delivered, runs=runs, expected=expected, p_value=1.0)
    deviation = math.sqrt(spread / (total**2 * (total - 1)))
    p_value = math.erfc(abs(runs - expected) / deviation / math.sqrt(2))
    return Runs(lost=lost, delivered=delivered, runs=runs, expected=expected, p_value=p_value)


def preferred(site: LossSite) -> Contrast | None:
    """A property the lost packets have so much more often than the delivered that chance did not choose them."""
    return next((c for c in site.contrasts if c.p_value < TELLING), None)


def in_turns_or_bursts(site: LossSite) -> tuple[Observed, ...]:
    """That packets were lost again and again, but not by chance: as a full queue or a limit does it; else nothing.

    Nothing but their size may tell the lost from the delivered: of a full queue or a limit large ones have more. Nor
    may what came before them: where all before a byte or a moment passed, and none after it, nothing was full.
    """
    runs = runs_of_loss(site)
    too_few = runs.lost < max(FEWEST, LEAST_RATIO * (runs.lost + runs.delivered)) or runs.runs < FEWEST_RUNS
    chosen = any(c.p_value < TELLING and (c.separates or not _of_large(c)) for c in site.contrasts)
    chosen |= any(c.p_value < TELLING for c in site.surroundings)
    if too_few or runs.by_chance or chosen:
        return ()
    return (Observed(reason=Reason(text=runs.text, source=site.source(int(site.lost_rows[0])))),)


def _of_large(contrast: Contrast) -> bool:
    """A flag that picks the same packets as a least size is told by the size as well."""
    return any(name.startswith(_SIZES) and ">=" in name for name in (contrast.feature, *contrast.same_as))


def nothing_counts(facts: Facts, node: str | None, *families: str) -> bool:
    """Whether no counter of these families that was read twice could have told, on a node (None: on any)."""
    return not any(
        c.family in families and node in (None, c.node) and c.snapshot == "after" for c in facts.counters
    )
