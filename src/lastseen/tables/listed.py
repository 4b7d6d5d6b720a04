"""What is known of packets that were read from a text: where each line stands, and what it does not say.

Such a capture has all columns of any other; this says which of them are to be believed.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = [
    "NO_FLAGS",
    "NO_HEADER",
    "NO_LENGTH",
    "NO_LINK",
    "NO_OPTIONS",
    "NO_PADDING",
    "NO_QUOTE",
    "NO_WINDOW",
    "Listed",
]

NO_HEADER: Final = 1
"""Neither identification, TTL, traffic class nor flags of the IP header are printed (tcpdump prints them with -v)."""
NO_LINK: Final = 2
"""No addresses of the link layer (tcpdump -e)."""
NO_PADDING: Final = 4
"""Whether padding follows the IP packet cannot be told: the frame's or the packet's length is not printed."""
NO_OPTIONS: Final = 8
"""What the TCP options say is not printed."""
NO_WINDOW: Final = 16
NO_FLAGS: Final = 32
"""TCP flags are not printed: what follows from the lines around is set, ACK too."""
NO_LENGTH: Final = 64
"""The length of the IP packet is not printed, nor does it follow from others."""
NO_QUOTE: Final = 128
"""The sequence number of the packet that an ICMP error quotes is not printed, nor does it follow from others."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Listed:
    """Beside the packets of a listing: row i of each array is packet row i.

    `file`: the text. `tool`: who printed it. `lines`: int64[n], line in the text. `unprinted`: uint8[n], NO_* bits.
    `checksums`: uint8[n], CHECKSUM_* as the tool judged it. `frame_lengths`: int64[n], as printed, -1: not printed.
    `lacks`: what the listing as a whole does not tell. `is_relative`: some sequence numbers are counted from a number
    that is not known. `is_partial`: lines in it could not be read, so absence from it proves little. `caption`: the
    words before it.
    """

    file: str
    tool: str
    lines: npt.NDArray[np.int64] = field(repr=False)
    unprinted: npt.NDArray[np.uint8] = field(repr=False)
    checksums: npt.NDArray[np.uint8] = field(repr=False)
    frame_lengths: npt.NDArray[np.int64] = field(repr=False)
    lacks: tuple[str, ...] = ()
    is_relative: bool = False
    is_partial: bool = False
    caption: str = ""
