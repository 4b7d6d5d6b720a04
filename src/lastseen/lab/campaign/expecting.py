"""What is right to say of a run: from the scenes' truth and from what was withheld, before anybody is asked.

The evidence of a run suffices where, for each fault of it,

* both points of its hop were captured; for a fault at an end of the path, and for health, both ends of the path;
* nothing is withheld of the texts its scene names as those without which captures do not tell the cause;
* for a loss, the later snapshot of the node where packets are missing says when it was taken: only that shows that a
  capture which ends before the lost packets was still running when they should have come.

The rule asks for evidence, not for what lastseen makes of it: nothing here knows any of its rules.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from lastseen.lab.campaign.withholding import Withheld, kind_of
from lastseen.lab.scene import Truth

__all__ = ["Expected", "Hop", "expected"]

OVERRUN: Final = "capture_artifact"
"""The fault of a capture that does not keep up."""

Hop = tuple[str, str]
"""Where packets were last seen and where they were missed: names of points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What is right about a run."""

    healthy: bool
    faults: tuple[str | None, ...]
    """Each is right as the first one named; None: 'unattributed' at one of the hops. Of a healthy run: what is
    true of its captures, and not of the network."""
    causes: int
    """How many faults there are at once whose cause can be named."""
    hops: tuple[Hop, ...]
    """Of the captured points those around each loss; empty where nothing is lost, or where it cannot be placed."""
    unseen: bool
    """Whether a fault without a hop may not show, as its scene says: then naming nobody is right."""
    sufficient: bool
    lacking: str
    """What is missing for that; "" where nothing is."""


def expected(
    truths: Sequence[Truth], withheld: Withheld, path: Sequence[str], *, branches: bool, overrun: bool = False
) -> Expected:
    """What is right to say. `path`: all points of the network in order, the remote end first.

    `branches`: the points are on no single line, so that their order does not tell what lies between two of them.
    `overrun`: a capture's own closing lines count packets it dropped; where nothing else is wrong, saying so is right,
    and so is health.
    """
    lacking = next((what for truth in truths for what in _lacking(truth, withheld, path, branches)), "")
    hops = [hop for truth in truths if truth.hop for hop in _directions(truth.hop, both=truth.both_ways)]
    named = [fault for truth in truths for fault in _true_of(truth, lacking) if fault]
    unknown = any(None in truth.accept for truth in truths)
    healthy = all(truth.healthy for truth in truths)
    if healthy and overrun:
        named.append(OVERRUN)
    return Expected(
        healthy=healthy,
        faults=(*dict.fromkeys(named), *((None,) if unknown else ())),
        causes=sum(truth.fault is not None for truth in truths),
        hops=tuple(found for hop in hops for found in _around(hop, withheld, path, branches)),
        unseen=any(None in truth.accept and truth.hop is None for truth in truths),
        sufficient=not lacking,
        lacking=lacking,
    )


def _lacking(truth: Truth, withheld: Withheld, path: Sequence[str], branches: bool) -> Iterator[str]:
    ends = tuple(path) if branches else (path[0], path[-1])
    for point in truth.hop or ends:
        if point not in withheld.captures:
            yield f"no capture at {point}"
    for need in truth.needs:
        yield from (f"{text} is withheld" for text in withheld.texts if need in kind_of(text))
    if truth.hop and (moment := f"after/{truth.hop[1].partition('_')[0]}/when.txt") in withheld.texts:
        yield f"{moment} is withheld"


def _true_of(truth: Truth, lacking: str) -> tuple[str | None, ...]:
    """The faults it is right to name."""
    return (truth.fault, *truth.accept, *(truth.seems if lacking else ()))


def _directions(hop: Hop, *, both: bool) -> tuple[Hop, ...]:
    return (hop, (hop[1], hop[0])) if both else (hop,)


def _around(hop: Hop, withheld: Withheld, path: Sequence[str], branches: bool) -> tuple[Hop, ...]:
    """The nearest captured points on both sides of a loss, in the direction of its packets; () where there are none.

    Where the points are on no single line any on the one side may be next to any on the other.
    """
    if all(point in withheld.captures for point in hop):
        return (hop,)
    way = list(path) if path.index(hop[0]) < path.index(hop[1]) else list(reversed(path))
    before = [point for point in way[: way.index(hop[0]) + 1] if point in withheld.captures]
    behind = [point for point in way[way.index(hop[1]) :] if point in withheld.captures]
    if branches:
        return tuple(product(before, behind))
    return ((before[-1], behind[0]),) if before and behind else ()
