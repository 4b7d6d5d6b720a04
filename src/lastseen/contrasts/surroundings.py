"""What came before the lost packets and not before the delivered ones: silence, age of the connection, bytes.

Contrasts of the packets themselves leave out where in its connection a packet stands, as the end would explain whatever
is lost at the end. It is asked here, apart: only a bound that has every lost packet on one side and every delivered one
on the other is worth a word, and only where so clean a cut is no chance.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.contrasts.fisher import fisher_exact
from lastseen.tables.contrasts import Contrast
from lastseen.tables.judgements import Step

__all__ = ["BEFORE", "UNKNOWN", "parting_experiment", "surroundings"]

BEFORE: Final = ("silence_ms", "age_ms", "stream_byte")
"""Columns of what came before a packet, at the point it was last seen at.

Milliseconds since the last packet from the other end of its connection; milliseconds since the connection's first
packet; bytes its sender had sent on it before (relative sequence number).
"""
UNKNOWN: Final = -1
"""Nothing came from the other end yet, or the protocol numbers no bytes."""
CHANCE: Final = 0.05 / 6
"""Three columns are asked for two bounds each; the level of one test, 0.05, is shared among them (Bonferroni)."""

BeforeRows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Bound:
    """A column and how a bound of it is called; `form` writes its value."""

    column: int
    name: str
    text: str
    form: Callable[[int], str]


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.3f}"


_BOUNDS: Final = (
    _Bound(0, "silence", "sent {} s or {} after the last packet of the other end", _seconds),
    _Bound(2, "tcp.seq", "byte {} of the stream or {}", str),
    _Bound(1, "tcp.time_relative", "sent {} s or {} after the connection's first packet", _seconds),
)
"""Idle time ends entries of firewalls, an amount fills what holds it, and age alone says least of a mechanism."""


def surroundings(lost: BeforeRows, delivered: BeforeRows, *, hop: int) -> tuple[Contrast, ...]:
    """The bounds that part all lost packets from all delivered ones, as one contrast; () where there is none.

    `lost`, `delivered`: int64[n, 3], columns BEFORE, UNKNOWN where nothing is known. The order of rows does not matter.
    """
    if not len(lost) or not len(delivered):
        return ()
    p_value = fisher_exact(len(lost), 0, 0, len(delivered))
    found = [named for bound in _BOUNDS if (named := _parting(bound, lost, delivered)) is not None]
    if not found or p_value > CHANCE:
        return ()
    return (
        Contrast(
            feature=found[0][0],
            text=found[0][1],
            lost=len(lost),
            lost_total=len(lost),
            delivered=0,
            delivered_total=len(delivered),
            risk_ratio=None,
            p_value=p_value,
            same_as=tuple(name for name, _ in found[1:]),
            hop=hop,
        ),
    )


def parting_experiment(contrast: Contrast) -> Step | None:
    """What tells apart the bounds that picked the same packets; None where there is one bound only."""
    if not contrast.same_as:
        return None
    tries = {
        "silence": "without a pause before it",
        "tcp.seq": "with less data before it",
        "tcp.time_relative": "sooner after the connection began",
    }
    names = [name.partition(" ")[0] for name in (contrast.feature, *contrast.same_as)]
    said = ", then ".join(tries[name] for name in names)
    return Step(
        text=f"What came before the lost packets differs in more than one way. Repeat it {said}, one change at a time:"
        " the change with which it passes names what matters."
    )


def _parting(bound: _Bound, lost: BeforeRows, delivered: BeforeRows) -> tuple[str, str] | None:
    """(name, words) of the bound, if all lost packets are above all delivered ones, or all below."""
    mine, others = lost[:, bound.column], delivered[:, bound.column]
    if (mine == UNKNOWN).any() or (others == UNKNOWN).all():
        return None
    if mine.min() > others.max():
        value = bound.form(int(mine.min()))
        return f"{bound.name} >= {value}", bound.text.format(value, "later" if bound.form is str else "more")
    if mine.max() < others[others != UNKNOWN].min() and (others != UNKNOWN).all():
        value = bound.form(int(mine.max()))
        return f"{bound.name} <= {value}", bound.text.format(
            value, "earlier" if bound.form is str else "less"
        )
    return None
