"""Whether chance loses packets as these were lost: no matter what they are, and no matter what was lost before them.

A link that loses at random makes runs of losses as a coin does, and hits packets of every kind alike. A full queue and
a limit do not: what comes while they are full is gone in a row, and what trickles in over a limit is let through and
dropped by turns. The test is that of Wald and Wolfowitz (On a test whether two samples are from the same population,
Annals of Mathematical Statistics 11, 1940): the number of runs, given how many were lost and how many delivered.
Nor does chance ask how soon a packet comes after the one before it, whatever its sender makes of earlier losses: what
is lost rather soon after another packet found something full (`contrasts.rank_sum`).
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from lastseen.contrasts.rank_sum import rank_sum
from lastseen.faults.facts import WHOLE, Facts, LossSite
from lastseen.faults.weighing import Observed
from lastseen.tables.contrasts import Contrast
from lastseen.tables.counted import agreed, counted
from lastseen.tables.judgements import Reason
from lastseen.tables.points import DELIVERED, LOST, UNPROVEN

__all__ = [
    "LEAST_RATIO",
    "TELLING",
    "Crowding",
    "Runs",
    "crowding",
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowding:
    """How soon lost packets came after the one before them in their direction, beside delivered ones.

    `deviations`: of the rank sum; below 0 the lost ones came sooner. `lost_ms`, `delivered_ms`: medians.
    """

    deviations: float
    lost_ms: float
    delivered_ms: float

    @property
    def by_chance(self) -> bool:
        """Whether lost and delivered packets came after such pauses as chance gives them."""
        return math.erfc(abs(self.deviations) / math.sqrt(2)) >= TELLING

    @property
    def text(self) -> str:
        """Who came sooner, in words."""
        sooner = "sooner" if self.deviations < 0 else "later"
        return (
            f"lost packets came {sooner} after the one before them than delivered ones "
            f"({self.lost_ms:.1f} ms beside {self.delivered_ms:.1f} ms, medians)"
        )


def crowding(site: LossSite) -> Crowding:
    """The pauses before lost packets beside those before delivered ones, of all packets of the direction."""
    rows = np.flatnonzero(np.isin(site.hop.fate, (LOST, DELIVERED)))
    times = site.upstream.capture.times_ns()[rows]
    order = np.argsort(times, kind="stable")
    pauses = np.diff(times[order])
    gone = site.hop.fate[rows[order[1:]]] == LOST
    lost, delivered = pauses[gone], pauses[~gone]
    if not len(lost) or not len(delivered):
        return Crowding(deviations=0.0, lost_ms=0.0, delivered_ms=0.0)
    return Crowding(
        deviations=rank_sum(lost, delivered),
        lost_ms=float(np.median(lost)) / 1e6,
        delivered_ms=float(np.median(delivered)) / 1e6,
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

    Their runs tell, or that they came sooner after others than the delivered ones did.
    Nothing but their size may tell the lost from the delivered: of a full queue or a limit large ones have more. Nor
    may what came before them: where all before a byte or a moment passed, and none after it, nothing was full. Nor
    whose they are: what is full lets something of everybody through in the end.
    """
    runs = runs_of_loss(site)
    too_few = runs.lost < max(FEWEST, LEAST_RATIO * (runs.lost + runs.delivered)) or runs.runs < FEWEST_RUNS
    if too_few or _is_chosen(site):
        return ()
    text = runs.text
    if runs.by_chance:
        crowd = crowding(site)
        if crowd.by_chance or crowd.deviations > 0:
            return ()
        text = crowd.text
    return (Observed(reason=Reason(text=text, source=site.source(int(site.lost_rows[0])))),)


def _is_chosen(site: LossSite) -> bool:
    """Whether what a packet is, what came before it or whose it is tells the lost from the delivered."""
    if any(c.p_value < TELLING and (c.separates or not _of_large(c)) for c in site.contrasts):
        return True
    return any(c.p_value < TELLING for c in site.surroundings) or _all_or_nothing(site)


def _all_or_nothing(site: LossSite) -> bool:
    """Whether conversations miss all they sent this way or nothing, more often than chance has it.

    Chance loses what follows a conversation's first lost packet as often as any other packet.
    """
    fate = site.hop.fate
    lost = np.bincount(site.upstream.group_of[np.isin(fate, (LOST, UNPROVEN))] + 1)
    passed = np.bincount(site.upstream.group_of[fate == DELIVERED] + 1, minlength=len(lost))
    hit = np.flatnonzero(lost[1:]) + 1  # place 0 is that of packets of no conversation
    if not len(hit) or passed[hit].any() or not passed.any():
        return False
    ratio = lost.sum() / (lost.sum() + passed.sum())
    return float((lost[hit] - 1).sum()) * math.log(ratio) < math.log(TELLING)


def _of_large(contrast: Contrast) -> bool:
    """A flag that picks the same packets as a least size is told by the size as well."""
    return any(name.startswith(_SIZES) and ">=" in name for name in (contrast.feature, *contrast.same_as))


def nothing_counts(facts: Facts, site: LossSite, *families: str) -> bool:
    """Whether no counter of these families that was read twice on the host of the last capture could have told."""
    read = {
        snapshot: {
            (c.family, c.scope, c.name)
            for c in facts.counters
            if c.family in families and c.node == site.upstream.node and c.snapshot == snapshot
        }
        for snapshot in WHOLE
    }
    return not set.intersection(*read.values())
