"""Decode single packets in a buffer that ends with them, and compare with what was decoded inside the file.

A decoder that looks beyond a packet's end finds the next record there and the file looks fine; here it finds other
bytes, and under NUMBA_BOUNDSCHECK=1 none at all.
"""

import struct
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.evidence.captures import scan
from lastseen.evidence.captures.bytes_of import ByteSource
from lastseen.evidence.captures.headers import SLL2
from lastseen.evidence.captures.row_tables import Tables
from lastseen.tables import packets as rows
from lastseen.tables.packets import Capture

__all__ = ["differing"]

LOOKED_AT: Final = 6
"""Packets of each capture; mutations hit all alike."""
OWN_COLUMNS: Final = slice(rows.SEQ, rows.PACKET_COLUMNS)
"""What a packet says itself; time and flow come from outside."""


def differing(source: ByteSource, capture: Capture) -> list[int]:
    """Rows among the first that decode otherwise when nothing follows them."""
    kinds = [face.link_type for face in capture.interfaces]
    if len(kinds) > 1 and SLL2 in kinds:
        return []  # there a flow names the interface of the header, not the one of the file
    found = []
    for row in range(min(len(capture.packets), LOOKED_AT)):
        word, (captured, wire) = capture.packets[row, rows.FLOW], capture.lengths[row].tolist()
        if word == rows.NO_FLOW or not captured:
            continue
        interface = int(capture.flows[word >> 1, rows.FLOW_PROTO] >> 16) if len(kinds) > 1 else 0
        data = source.piece(int(capture.offsets[row]), captured)
        if not np.array_equal(
            _decoded(data, max(wire, captured), kinds[interface]), capture.packets[row, OWN_COLUMNS]
        ):
            found.append(row)
    return found


def _decoded(data: bytes, wire: int, link_type: int) -> npt.NDArray[np.uint32]:
    """uint32[5], the packet's own columns, decoded from a buffer of its record only."""
    record = struct.pack(">IIII", 1, 0, len(data), wire) + data
    buffer = np.frombuffer(bytearray(record), np.uint8)
    t = Tables()
    scan.scan_pcap(
        buffer, len(buffer), 0, True, 1, link_type,  # noqa: FBT003 - a kernel has no keywords
        t.packets, t.offsets, t.lengths, t.flows, t.keys, t.places, t.state, t.scratch, t.key,
    )  # fmt: skip
    own: npt.NDArray[np.uint32] = t.packets[0, OWN_COLUMNS]
    return own
