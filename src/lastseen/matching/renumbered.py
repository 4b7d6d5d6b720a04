"""Where something on the way gives packets identifications of its own: there these tell nothing.

Firewalls do so against fingerprinting (OpenBSD pf.conf(5), `scrub random-id`), translators for uniqueness (RFC 6864,
5.3), and normalisers do the same to TCP's timestamps, which stand for the identification over IPv6 (pf.conf(5),
`reassemble tcp`). All else of the packets stays as it is, so that they are found by that.
"""

from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lastseen.compiled import kernel
from lastseen.matching.coverage import left_over
from lastseen.matching.grouping import Grouped
from lastseen.matching.sightings import BY_ID, alike, hash_of, identification
from lastseen.tables.packets import INFO_IP_ID, INFO_TIMESTAMPS, MISC

__all__ = ["renumbered_sides", "without_identifications"]

Int64s = npt.NDArray[np.int64]

LEAST: Final = 3
"""Different packets that both points have under other identifications: fewer may be repetitions of which each point saw
another one."""
BY_CHANCE: Final = 256
"""Of 65,536 new identifications one is the old one by chance; where more than one in so many is, they were kept."""


@kernel
def _without(packets_p: Any, left_a: Any, packets_q: Any, left_b: Any) -> Any:
    """How many different packets both lists have, identifications left out."""
    size = 2
    while size < 2 * left_b.size:
        size *= 2
    table, mask, count = np.full(size, -1, np.int64), np.uint64(size - 1), 0
    for row in left_b:
        place = hash_of(packets_q[row], not BY_ID) & mask
        while table[place] >= 0 and not alike(packets_q[row], packets_q[table[place]], not BY_ID):
            place = (place + np.uint64(1)) & mask
        table[place] = row
    counted = np.zeros(size, np.bool_)
    for row in left_a:
        place = hash_of(packets_p[row], not BY_ID) & mask
        while table[place] >= 0 and not alike(packets_p[row], packets_q[table[place]], not BY_ID):
            place = (place + np.uint64(1)) & mask
        count += table[place] >= 0 and not counted[place]
        counted[place] = True
    return count


@kernel
def _told(
    packets_p: Any, packets_q: Any, sides: Any, rows_p: Any, starts_p: Any, rows_q: Any, starts_q: Any,
    partner_p: Any, partner_q: Any,
) -> Any:  # fmt: skip
    """int64[k, 2]: packets of each side paired by identifications; different ones left over that could be without."""
    found = np.zeros((sides.shape[0], 2), np.int64)
    for k in range(sides.shape[0]):
        a = rows_p[starts_p[sides[k, 0]] : starts_p[sides[k, 0] + 1]]
        b = rows_q[starts_q[sides[k, 1]] : starts_q[sides[k, 1] + 1]]
        for row in a:
            found[k, 0] += partner_p[row] >= 0 and identification(packets_p[row]) != 0
        left_a, left_b = left_over(a, partner_p), left_over(b, partner_q)
        if left_a.size and left_b.size:
            found[k, 1] = _without(packets_p, left_a, packets_q, left_b)
    return found


def renumbered_sides(
    grouped: tuple[Grouped, Grouped], sides: Int64s, partners: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]
) -> Int64s:  # fmt: skip
    """Those of `sides` (as `shared_sides` has them) whose packets have other identifications at the other point.

    A sender's sides are taken together, as what renumbers does so with all that passes; then each by itself, as there
    may be a way around it. Datagrams without digests of their payloads are known by little but their identifications.
    """
    p, q = grouped
    able = sides if p.has_digests and q.has_digests else sides[sides[:, 0] < 2 * p.connections]
    told = _told(p.packets, q.packets, able, p.rows, p.starts, q.rows, q.starts, *partners)
    chosen = _is_renumbered(told)
    for sender in (0, 1):
        mine = able[:, 2] == sender
        if _is_renumbered(told[mine].sum(axis=0)[None])[0]:
            chosen |= mine & (told[:, 1] > 0)
    return able[chosen]


def _is_renumbered(told: Int64s) -> npt.NDArray[np.bool_]:
    result: npt.NDArray[np.bool_] = (told[:, 1] >= LEAST) & (told[:, 0] * BY_CHANCE <= told[:, 1])
    return result


def without_identifications(grouped: Grouped, sides: Int64s) -> Grouped:
    """The same with the packets of these sides (places in `starts`) as if they had none."""
    packets = grouped.packets.copy()
    for side in sides.tolist():
        rows = grouped.rows[grouped.starts[side] : grouped.starts[side + 1]]
        packets[rows, MISC] &= ~np.uint32((INFO_IP_ID | INFO_TIMESTAMPS) << 24)
    return replace(grouped, packets=packets)
