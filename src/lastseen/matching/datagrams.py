"""Pair datagrams that segmentation offload cut, or receive offload put together, with their pieces: it is no loss.

UDP_SEGMENT and UDP_GRO (Linux udp(7)) hand over several datagrams of one size, the last perhaps shorter, as one: QUIC
and WireGuard use them. The pieces follow each other, and the first begins as the whole does.
"""

from typing import Any, Final

from lastseen.compiled import kernel
from lastseen.matching.coverage import NEARBY_NS, left_over
from lastseen.matching.pairs import MERGED_INTO, REPEATED, SPLIT_INTO
from lastseen.matching.sightings import time_of
from lastseen.tables.packets import LENGTH_FLAGS, SEQ

__all__ = ["cover_datagrams"]

MOST_TRIED: Final = 4096
"""Left-over datagrams among which the first piece of one is sought: a second of a fast sender's."""
OVERDUE_NS: Final = 1_000_000_000
"""No datagram comes so much later than others (RFC 9002, 6.2: its sender has long repeated what it held)."""


@kernel
def _run(packets: Any, rows: Any, first: Any, size: Any) -> Any:
    """Behind the last of at least two packets from `first` on that are `size` bytes together, as offload cuts them."""
    piece = packets[rows[first], LENGTH_FLAGS] >> 8
    total, k = 0, first
    while k < rows.size and total < size:
        length = packets[rows[k], LENGTH_FLAGS] >> 8
        if length > piece:
            break
        total += length
        k += 1
        if length < piece:
            break
    return k if total == size and k > first + 1 else -1


@kernel
def _gather(
    whole: Any, rows: Any, pieces: Any, parts: Any, shift: Any, known: Any, digests: Any,
    partner: Any, part_partner: Any, how: Any, part_how: Any,
) -> None:  # fmt: skip
    """Pair each of `rows` (of the table `whole`) with the `parts` (of the table `pieces`) it is made of."""
    begin = 0
    for row in rows:
        at, size = time_of(whole[row]) + shift, whole[row, LENGTH_FLAGS] >> 8
        while known and begin < parts.size and time_of(pieces[parts[begin]]) < at - OVERDUE_NS:
            begin += 1
        for j in range(begin, min(begin + MOST_TRIED, parts.size)):
            part = parts[j]
            near = digests or abs(time_of(pieces[part]) - at) <= NEARBY_NS
            if part_partner[part] >= 0 or pieces[part, SEQ] != whole[row, SEQ] or not near:
                continue
            end = _run(pieces, parts, j, size)
            if end > 0:
                partner[row], how[row] = part, SPLIT_INTO
                for k in range(j, end):
                    part_partner[parts[k]], part_how[parts[k]] = row, MERGED_INTO
                break


@kernel
def _without_copies(rows: Any, how: Any) -> Any:
    """Those of `rows` that are no second sighting."""
    left = rows.copy()
    count = 0
    for row in rows:
        if how[row] != REPEATED:
            left[count] = row
            count += 1
    return left[:count]


@kernel
def cover_datagrams(
    packets_p: Any, packets_q: Any, sides: Any, rows_p: Any, starts_p: Any, rows_q: Any, starts_q: Any, shifts: Any,
    known: Any, digests: Any, partner_p: Any, partner_q: Any, how_p: Any, how_q: Any,
) -> None:  # fmt: skip
    """Pair what is left of the datagrams of `sides` where one is as long as several others and begins like the first.

    `digests`: whether payloads can be compared; where not, only time tells.
    """
    for k in range(sides.shape[0]):
        a, b = (
            rows_p[starts_p[sides[k, 0]] : starts_p[sides[k, 0] + 1]],
            rows_q[starts_q[sides[k, 1]] : starts_q[sides[k, 1] + 1]],
        )
        who = sides[k, 2]
        left_a = _without_copies(left_over(a, partner_p), how_p)
        left_b = _without_copies(left_over(b, partner_q), how_q)
        if left_a.size and left_b.size and (digests or known[who]):
            _gather(
                packets_p, left_a, packets_q, left_b, shifts[who], known[who], digests,
                partner_p, partner_q, how_p, how_q,
            )  # fmt: skip
            left_a, left_b = left_over(left_a, partner_p), left_over(left_b, partner_q)
            _gather(
                packets_q, left_b, packets_p, left_a, -shifts[who], known[who], digests,
                partner_q, partner_p, how_q, how_p,
            )  # fmt: skip
