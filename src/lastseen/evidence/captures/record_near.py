"""Where in the middle of a pcap a record seems to begin.

A pcap has no marks between its records, so this is a guess that its user has to verify: whoever reads the file from its
beginning must come to a record at this very place.
"""

import struct
from typing import Final

from lastseen.evidence.captures.bytes_of import ByteSource
from lastseen.evidence.captures.scan import MAX_PACKET_BYTES

__all__ = ["record_near"]

HEADER_BYTES: Final = 16
WITHIN_BYTES: Final = 1 << 17
"""Where to look: two of the largest packets that hosts hand to a capture (64 KiB, segmentation offload)."""
RECORDS: Final = 24
"""So many headers in a row that could be true are no payload."""
WITHIN_S: Final = 3600
"""How far apart the times of two neighbours may be."""


def record_near(source: ByteSource, at: int, *, swapped: bool, unit_ns: int) -> int | None:
    """File offset at or behind `at` from which RECORDS likely records follow each other, or fewer up to the end.

    `unit_ns`: ns per unit of a time's fraction. None where none is found.
    """
    form = struct.Struct(">IIII" if swapped else "<IIII")
    piece = source.piece(at, WITHIN_BYTES)
    for offset in range(len(piece) - HEADER_BYTES):
        _, fraction, captured, wire = form.unpack_from(piece, offset)
        if _likely(fraction * unit_ns, captured, wire) and _followed(
            source, at + offset, form=form, unit_ns=unit_ns
        ):
            return at + offset
    return None


def _likely(fraction_ns: int, captured: int, wire: int) -> bool:
    return 0 < captured <= wire <= MAX_PACKET_BYTES and fraction_ns < 1_000_000_000


def _followed(source: ByteSource, at: int, *, form: struct.Struct, unit_ns: int) -> bool:
    """Whether a likely record at `at` and likely ones behind it follow each other, in time too."""
    before: int | None = None
    for _ in range(RECORDS):
        if at == source.size and before is not None:
            return True
        header = source.piece(at, HEADER_BYTES)
        if len(header) < HEADER_BYTES:
            return False
        seconds, fraction, captured, wire = form.unpack(header)
        if not _likely(fraction * unit_ns, captured, wire):
            return False
        if before is not None and abs(seconds - before) > WITHIN_S:
            return False
        before = seconds
        at += HEADER_BYTES + captured
    return True
