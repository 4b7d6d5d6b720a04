"""Whether a segment lies outside the windows of its connection, reckoned as connection tracking does.

Linux net/netfilter/nf_conntrack_proto_tcp.c, tcp_in_window: a segment begins no later than the other end has ever
allowed, ends no earlier than one window before what its sender has sent, and acknowledges nothing that was not sent.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.faults.tracks import Track
from lastseen.tables.counted import counted

__all__ = ["outside_window"]

Int64s = npt.NDArray[np.int64]

LARGEST_SCALE: Final = 14
"""RFC 7323, 2.3; taken where the handshake was not seen, so that a window is never thought too small."""
_HALF: Final = 1 << 31


def outside_window(track: Track, at: int) -> str:
    """Which bound packet number `at` of a track passes, by the packets before it; "": none, or nothing to tell by."""
    mine = track.from_client[:at] == track.from_client[at]
    sent, heard = track.only(np.flatnonzero(mine)), track.only(np.flatnonzero(~mine))
    heard = heard.only(~heard.flags("R"))
    acks = heard.flags("A")
    if not len(sent) or not acks.any():
        return ""
    one = track.only(np.array([at]))
    base = int(one.of("tcp_seq")[0])
    windows = heard.of("tcp_window") << _scale(track, sender=not track.from_client[at], syn=heard.flags("S"))
    allowed = int((_from(base, heard.of("tcp_ack")) + windows)[acks].max())
    if allowed < 0:
        return f"it begins {counted(-allowed, 'byte', grouped=True)} beyond what the other end has allowed"
    oldest = int(_from(base, _ends(sent)).max()) - int(windows.max())
    if int(_from(base, _ends(one))[0]) < oldest:
        return "it repeats what lies more than a window back"
    unseen = int(_from(int(one.of("tcp_ack")[0]), _ends(heard)).max())
    if one.flags("A")[0] and unseen < 0:
        return f"it acknowledges {counted(-unseen, 'byte', grouped=True)} not seen before"
    return ""


def _scale(track: Track, *, sender: bool, syn: npt.NDArray[np.bool_]) -> Int64s:
    """int64[n]: shift counts of the windows one end has announced, 0 for those of its SYN (`syn`)."""
    opened = track.only(track.flags("S"))
    offered = [opened.of("tcp_wscale")[opened.from_client == side] for side in (sender, not sender)]
    if not all(len(values) for values in offered):
        return np.where(syn, 0, LARGEST_SCALE)
    agreed = all(values[0] >= 0 for values in offered)
    return np.where(syn, 0, int(offered[0][0]) if agreed else 0)


def _ends(packets: Track) -> Int64s:
    """int64[n]: the sequence number after each packet."""
    using: Int64s = (
        packets.of("tcp_seq")
        + packets.of("payload_len")
        + packets.flags("S").astype(np.int64)
        + packets.flags("F")
    )
    return using


def _from(base: int, numbers: Int64s) -> Int64s:
    """int64[n]: distance of sequence numbers from `base`, which lies within half of their space."""
    distance: Int64s = (numbers - base + _HALF) % (2 * _HALF) - _HALF
    return distance
