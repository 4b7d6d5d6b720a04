"""A SYN that is refused and sent again is one attempt, wherever the refusals go.

Where a connection was reset, the next SYN with the same addresses and ports begins another one (Zeek's way, and the
table's). But a sender that gets no refusal repeats its SYN with the number it had (RFC 9293, 3.8.1), and the server
refuses each: behind what drops the refusals that is one connection, and before it would be as many as there are SYNs,
of which all but one had no counterpart.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.tables.connections import STATES
from lastseen.tables.points import ConnectionRows

__all__ = ["as_one_attempt"]

Bools = npt.NDArray[np.bool_]
Int32s = npt.NDArray[np.int32]

_REFUSED: Final = STATES.index("REJ")
_FROM_SYN: Final = 1
_ADDED: Final = (
    "packets", "bytes", "syn", "fin", "rst", "retransmitted", "spurious", "duplicated", "out_of_order", "probes",
    "holes",
)  # fmt: skip
_GAP: Final = ("longest_gap_ns", "gap_before")
_STALL: Final = ("stall_ns", "stall", "stall_from", "stall_until", "stall_side")


def as_one_attempt(table: ConnectionRows, of_packet: Int32s) -> tuple[ConnectionRows, Int32s]:
    """(CONNECTION[c], ordered by first packet; int32[n], the number of each packet's connection, -1: none).

    What a refused SYN and its repetitions became ends as the last of them did.
    """
    if not (table["state"] == _REFUSED).any():
        return table, of_packet
    order = np.lexsort((table["first"], table["flow"]))
    rows = table[order]
    again = _again(rows)
    if not again.any():
        return table, of_packet
    between = np.zeros(len(rows), np.int64)
    between[1:] = rows["start_ns"][1:] - rows["end_ns"][:-1]
    longer = again & (between > rows["longest_gap_ns"])
    rows["gap_before"][longer], rows["longest_gap_ns"][longer] = rows["first"][longer], between[longer]
    joined = _joined(rows, again)
    by_first = np.argsort(joined["first"], kind="stable")
    place = np.empty(len(joined), np.int32)
    place[by_first] = np.arange(len(joined), dtype=np.int32)
    number = np.full(len(table) + 1, -1, np.int32)  # its last entry is that of packets of no connection
    number[order] = place[np.cumsum(~again) - 1]
    return joined[by_first], number[of_packet]


def _again(rows: ConnectionRows) -> Bools:
    """bool[c]: which repeat the SYN of the refused one before them (`rows` by flow, then in order of time)."""
    again = np.zeros(len(rows), np.bool_)
    earlier, later = rows[:-1], rows[1:]
    again[1:] = (earlier["state"] == _REFUSED) & (earlier["isn"][:, 0] == later["isn"][:, 0])
    for name in ("flow", "interface", "originator"):
        again[1:] &= earlier[name] == later[name]
    for one in (earlier, later):
        again[1:] &= one["isn_known"][:, 0] == _FROM_SYN
    return again


def _joined(rows: ConnectionRows, again: Bools) -> ConnectionRows:
    """CONNECTION[c]: each chain as one row, in the order of the chains."""
    begins = np.flatnonzero(~again)
    ends = np.append(begins[1:], len(rows)) - 1
    joined: ConnectionRows = rows[ends].copy()
    for name in ("first", "start_ns"):
        joined[name] = rows[name][begins]
    for name in _ADDED:
        joined[name] = np.add.reduceat(rows[name], begins, axis=0)
    chain = np.cumsum(~again)
    for names in (_GAP, _STALL):
        largest = np.lexsort((rows[names[0]], chain))[ends]
        for name in names:
            joined[name] = rows[name][largest]
    return joined
