"""Bytes at the end of every frame are a trailer or a frame check sequence, not padding: tell them apart.

Padding fills a frame up to 60 bytes, so only short frames have it. A capture card's time stamp, a tap's trailer or the
frame check sequence (IEEE 802.3, 3.2.9) stand behind frames of every length: what all longer frames have in common is
none of a packet's padding. A capture with short frames only is settled by computing the check sequence.
"""

import zlib
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.evidence.captures.bytes_of import ByteSource
from lastseen.tables.packets import FLOW, FLOW_TUNNEL, MISC, NO_FLOW, Capture

__all__ = ["Trailer", "trailer_of"]

SMALLEST_FRAME: Final = 60
"""Bytes of an Ethernet frame without its check sequence (IEEE 802.3, 3.2.8): shorter ones are padded up to it."""
CHECK_BYTES: Final = 4
LOOKED_AT: Final = 16
"""Frames whose check sequence is computed: that many right by chance are 1 in 2**512."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trailer:
    """What stands behind every frame of a capture; `is_check_sequence`: and it verifies as one."""

    length: int
    is_check_sequence: bool


def trailer_of(source: ByteSource, capture: Capture) -> Trailer:
    """The trailer of a capture's frames; length 0: none."""
    rows = _outermost(capture)
    behind = (capture.packets[rows, MISC] & 0xFF).astype(np.int64)
    wire = capture.lengths[rows, 1].astype(np.int64)
    long = rows[wire - behind >= SMALLEST_FRAME]
    if len(long):
        found = capture.packets[long, MISC] & 0xFF
        length = int(found[0]) if found.min() == found.max() else 0
        verifies = length == CHECK_BYTES and _verify(source, capture, long)
        return Trailer(length=length, is_check_sequence=verifies)
    verifies = bool(len(rows)) and behind.min() >= CHECK_BYTES and _verify(source, capture, rows)
    return Trailer(length=CHECK_BYTES if verifies else 0, is_check_sequence=verifies)


def _outermost(capture: Capture) -> npt.NDArray[np.int64]:
    """Rows of packets outside any tunnel: behind an inner packet stands the tunnel's own end."""
    if not len(capture.flows):
        return np.empty(0, np.int64)
    words = capture.packets[:, FLOW]
    known = words != NO_FLOW
    depth = capture.flows[np.where(known, words >> 1, 0), FLOW_TUNNEL] >> 8
    return np.flatnonzero(known & (depth == 0))


def _verify(source: ByteSource, capture: Capture, rows: npt.NDArray[np.int64]) -> bool:
    """Whether the last four bytes of some whole frames are the CRC-32 of what stands before them."""
    whole = rows[capture.lengths[rows, 0] == capture.lengths[rows, 1]][:LOOKED_AT]
    for row in whole:
        frame = source.piece(int(capture.offsets[row]), int(capture.lengths[row, 0]))
        if zlib.crc32(frame[:-CHECK_BYTES]) != int.from_bytes(frame[-CHECK_BYTES:], "little"):
            return False
    return len(whole) > 0
