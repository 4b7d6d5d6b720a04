"""What pairing says of the packets of two points: the values the other stages of matching read."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = [
    "EVEN",
    "EXACT",
    "IN_ORDER",
    "MERGED_INTO",
    "NONE",
    "REPEATED",
    "SPLIT_INTO",
    "TWIN",
    "Paired",
    "Pairing",
]

EVEN, IN_ORDER = 1, 2
NONE, EXACT, MERGED_INTO, SPLIT_INTO, REPEATED, TWIN = range(6)
"""How a packet was paired. REPEATED: it is the second sighting of the same packet at its own point. TWIN: with one that
has the same numbers, as others at one of the points have; which of them it was is a guess by time."""

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Paired:
    """What pairing says of one point's packets and of its sides (places in `Grouped.starts`).

    `partner`: int32[n], for each packet row the row at the other point, -1 none; `how`: uint8[n]. `in_step`:
    uint8[sides], EVEN where a side's packets are all paired exactly, IN_ORDER where they also come in the same order
    at both points. `span`: int64[sides, 2], of these the least and the largest time to the other point, clocks as
    they are.
    """

    partner: npt.NDArray[np.int32]
    how: npt.NDArray[np.uint8]
    in_step: npt.NDArray[np.uint8]
    span: Int64s


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairing:
    """How the packets of points p and q are paired, seen from both.

    `only_twins`: some are, but none of them for certain: neither order nor clocks can rest on them.
    """

    p: Paired
    q: Paired
    only_twins: bool

    @property
    def turned(self) -> "Pairing":
        """The same, p and q exchanged."""
        return Pairing(p=self.q, q=self.p, only_twins=self.only_twins)
