"""Checksums that come out right only when Ethernet padding is counted as payload: somebody wrote them so.

TCP's checksum covers the segment's length (RFC 9293, 3.1). Whoever computes it over everything a frame holds gets
another one for the short packets that were padded, even with zeros: its sum misses by the padding's length.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.faults.patterns import is_tcp
from lastseen.faults.weighing import Fact, holds
from lastseen.tables.details import CHECKSUM_BAD, DetailRows, column
from lastseen.tables.judgements import Reason
from lastseen.tables.sources import Source

__all__ = ["SHORTEST_UNPADDED", "all_summed", "is_summed"]

SHORTEST_UNPADDED: Final = 46
"""Bytes of IP packet that fill the smallest Ethernet frame: 60 without its checksum, less 14 of header (IEEE 802.3)."""
_IPV4: Final = 4
_MODULUS: Final = 0xFFFF

Bools = npt.NDArray[np.bool_]


def is_summed(rows: DetailRows) -> Bools:
    """bool[n]: TCP packets whose wrong checksum is right once padding is counted.

    That is over all bytes present where the padding is still there; where it was cut off after the checksum was
    written, the sum misses by as many as an Ethernet had to add, if these were zeros.
    """
    residual, length = column(rows, "untrimmed_residual"), column(rows, "ip_len")
    added = SHORTEST_UNPADDED - length
    kept = (column(rows, "padding_len") > 0) & (residual == 0)
    cut = (column(rows, "padding_len") == 0) & (added > 0) & (residual == _MODULUS - added)
    wrong = (column(rows, "checksum") == CHECKSUM_BAD) & (column(rows, "ip_version") == _IPV4)
    result: Bools = is_tcp(rows) & wrong & (kept | cut)
    return result


def all_summed(rows: DetailRows, source: Source | None) -> Fact:
    """That the checksums of all these packets, which are wrong, come out right with the padding counted."""
    found = is_summed(rows)
    text = f"the checksums of all {len(rows)} come out right once Ethernet padding is counted as payload"
    if not found.all():
        text = f"the checksums of {int((~found).sum())} of {len(rows)} are wrong with padding counted as well"
    return holds(found.all(), Reason(text=text, source=source))
