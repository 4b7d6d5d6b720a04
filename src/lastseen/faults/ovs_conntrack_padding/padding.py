"""What an untrimmed checksum would make of each packet: which ones the fault takes, spares, or cannot be asked about.

Kept apart from the rule because this is the mechanism itself: `nf_ip_checksum()` (net/netfilter/utils.c) takes
`skb->len` for the segment's length, so TCP, and UDP with a checksum, come out wrong as soon as the buffer is longer
than the IP packet; ICMP over IPv4 has no pseudo header, so padding of zeros changes nothing; UDP without a
checksum is not verified; fragments are cut to size when they are reassembled, before anything is verified.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.contrasts.fisher import fisher_exact
from lastseen.faults.facts import LossSite
from lastseen.tables.details import CHECKSUM_GOOD, CHECKSUM_PARTIAL, CHECKSUM_UNKNOWN, DetailRows, column
from lastseen.tables.packets import MISC
from lastseen.tables.points import Point

__all__ = [
    "ETHERNET_HEADER",
    "SHORTEST_UNPADDED",
    "by_chance",
    "chance_of",
    "is_good",
    "misjudged",
    "padded_count",
    "short",
    "spared",
    "telling_flag",
]

Bools = npt.NDArray[np.bool_]

SHORTEST_UNPADDED: Final = 46
"""Bytes of IP packet that fill the smallest Ethernet frame: 60 without its checksum, less 14 of header (IEEE 802.3)."""
ETHERNET_HEADER: Final = 14
_IPV4: Final = 4
_ICMP, _TCP, _UDP, _SCTP = 1, 6, 17, 132
_PADDING: Final = 0xFF
_SHAPE: Final = ("ip_proto", "ip_len", "tcp_flags", "payload_len")
_FLAGS: Final = {"FIN": 0x01, "SYN": 0x02, "RST": 0x04}
"""Flags a firewall may well have a rule for."""


def short(rows: DetailRows) -> Bools:
    """Which packets have to be padded on an Ethernet, whether they were already (a sender's capture is too early)."""
    result: Bools = (column(rows, "ip_version") == _IPV4) & (column(rows, "ip_len") < SHORTEST_UNPADDED)
    return result


def misjudged(rows: DetailRows) -> Bools:
    """Which packets a validator that forgets to trim finds wrong although they are right.

    Where the snap length hides the bytes, TCP and SCTP are taken to be: only one padding in some 65000 that is not
    zero sums to nothing.
    """
    padded = (column(rows, "padding_len") > 0) & (column(rows, "ip_fragment") == 0)
    proto, residual = column(rows, "ip_proto"), column(rows, "untrimmed_residual")
    hidden = (residual < 0) & ((proto == _TCP) | (proto == _SCTP))
    result: Bools = padded & ((residual > 0) | hidden) & (column(rows, "checksum") != CHECKSUM_PARTIAL)
    return result


def spared(site: LossSite) -> Bools:
    """Which lost packets were padded and would pass an untrimmed validator all the same."""
    rows = site.lost
    padded, proto = column(rows, "padding_len") > 0, column(rows, "ip_proto")
    unverified = (column(rows, "checksum") == CHECKSUM_UNKNOWN) & _whole(site, rows)
    harmless = (column(rows, "ip_fragment") == 1) | (column(rows, "untrimmed_residual") == 0)
    without_checksum = (proto == _UDP) & unverified
    zeros_in_icmp = (proto == _ICMP) & unverified & (column(rows, "padding_nonzero") == 0)
    result: Bools = padded & (harmless | without_checksum | zeros_in_icmp)
    return result


def _whole(site: LossSite, rows: DetailRows) -> Bools:
    """Which packets the snap length left whole."""
    lengths = site.upstream.capture.lengths[column(rows, "frame_number") - 1]
    return lengths[:, 0] >= lengths[:, 1]


def by_chance(site: LossSite) -> Bools:
    """Which lost packets prove nothing: not misjudged, and a packet of the same shape passed the hop later.

    What drops by content drops the same content again, so these were lost by chance. None are excused unless more
    packets were lost for their padding than without it, as chance has no such preference.
    """
    lost, odd = site.lost, ~misjudged(site.lost)
    later: dict[tuple[int, ...], int] = {}
    for shape, frame in _shapes(site.delivered):
        later[shape] = max(frame, later.get(shape, 0))
    again = np.array([later.get(shape, 0) > frame for shape, frame in _shapes(lost)], np.bool_)
    excused = odd & again
    if 2 * int(excused.sum()) >= len(lost):
        return np.zeros(len(lost), np.bool_)
    return excused


def _shapes(rows: DetailRows) -> Iterable[tuple[tuple[int, ...], int]]:
    """(what a rule on the content could see, frame number) of each packet."""
    shapes = np.stack([column(rows, name) for name in _SHAPE], axis=1).tolist()
    return zip(map(tuple, shapes), column(rows, "frame_number").tolist(), strict=True)


def chance_of(site: LossSite) -> float:
    """Probability that the lost packets are the padded ones by mere chance (Fisher, exact)."""
    taken = int(misjudged(site.lost).sum())
    passed = int(misjudged(site.delivered).sum())
    return fisher_exact(taken, passed, len(site.lost) - taken, len(site.delivered) - passed)


def telling_flag(site: LossSite) -> str:
    """The TCP flag that every lost packet has and no delivered one, or "": a rule on it would take the same ones."""
    kept = site.lost[~by_chance(site)]
    for name, bit in _FLAGS.items():
        lost, delivered = column(kept, "tcp_flags") & bit, column(site.delivered, "tcp_flags") & bit
        if len(kept) and lost.all() and not delivered.any():
            return name
    return ""


def padded_count(point: Point, rows: npt.NDArray[np.int64]) -> int:
    """How many of these packets of a point's capture have padding there."""
    return int(np.count_nonzero(point.capture.packets[rows, MISC] & _PADDING))


def is_good(rows: DetailRows) -> Bools:
    """Which packets' checksum is right over the IP length."""
    result: Bools = column(rows, "checksum") == CHECKSUM_GOOD
    return result
