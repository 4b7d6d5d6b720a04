"""A packet as one point saw it, and when two sightings are of one packet.

That is where what middleboxes leave alone is the same (RFC 9293, 3.1; RFC 791, 3.1).
"""

from typing import Any, Final

import numpy as np

from lastseen.compiled import kernel, packet_kernel, step_kernel
from lastseen.tables.packets import (
    ACK,
    FLAGS,
    ID_WINDOW,
    INFO_IP_ID,
    INFO_LISTED,
    INFO_TIMESTAMPS,
    LENGTH_FLAGS,
    MISC,
    SEQ,
)

__all__ = [
    "BY_ID",
    "LONG_AGO",
    "SAME_MOMENT_NS",
    "TOO_EARLY_NS",
    "alike",
    "first_and_last",
    "hash_of",
    "have_ids_alike",
    "identification",
    "is_unique",
    "relative",
    "same",
    "time_of",
]

SAME_MOMENT_NS: Final = 50_000
"""Copies of one packet at a point (a mirror, two capture processes) are stamped within microseconds; hosts answer one
packet with another in tens of them at the least."""
TOO_EARLY_NS: Final = 20_000_000
"""No packet is seen so much sooner than it was sent, even if the clocks drift; repetitions wait for longer
(Linux: TCP_RTO_MIN, 200 ms) but for those that duplicate acknowledgments ask for."""
LONG_AGO: Final = np.int64(-(1 << 62))
"""Before any time a capture can hold."""
BY_ID: Final = True
"""Packets are compared by their identifications, too."""
_HALF: Final = 0x80000000
_PUSH: Final = np.uint32(FLAGS["P"])
_BARE_ACK: Final = FLAGS["A"]
"""LENGTH_FLAGS of an acknowledgment and nothing else."""


@packet_kernel
def time_of(row: Any) -> Any:
    """When a packet was seen, ns."""
    return np.int64((np.uint64(row[1]) << np.uint64(32)) | np.uint64(row[0]))


@step_kernel
def first_and_last(packets: Any) -> Any:
    """(first, last) time of some packets, at least one, ns; by NumPy it would be two passes over the table."""
    first = last = time_of(packets[0])
    for row in range(1, packets.shape[0]):
        time = time_of(packets[row])
        first, last = min(first, time), max(last, time)
    return first, last


@packet_kernel
def relative(number: Any, base: Any) -> Any:
    """Signed distance of two sequence numbers (RFC 9293, 3.4)."""
    difference = (np.int64(number) - np.int64(base)) & 0xFFFFFFFF
    return difference - 0x100000000 if difference >= _HALF else difference


@packet_kernel
def identification(row: Any) -> Any:
    """What tells a packet from its twins: the identification of IPv4, the timestamp of TCP over IPv6; 0: nothing."""
    if (row[MISC] >> 24) & (INFO_IP_ID | INFO_TIMESTAMPS):
        return row[ID_WINDOW] >> 16
    return row[ID_WINDOW] & 0


@packet_kernel
def is_unique(row: Any) -> Any:
    """Whether the sender gives no other packet nearby the same numbers: its IPv4 identification counts."""
    return ((row[MISC] >> 24) & INFO_IP_ID) != 0 and (row[ID_WINDOW] >> 16) != 0


@packet_kernel
def have_ids_alike(one: Any, other: Any) -> Any:
    """Whether identifications of two sightings can be compared.

    They cannot where the snap length cut the one's timestamp that stands for it, or one is IPv4 and the other IPv6.
    """
    differing, shared = (one[MISC] ^ other[MISC]) >> 24, (one[MISC] & other[MISC]) >> 24
    return differing & INFO_IP_ID == 0 and (shared & INFO_IP_ID != 0 or differing & INFO_TIMESTAMPS == 0)


@packet_kernel
def _alike_as_listed(one: Any, other: Any) -> Any:
    """Whether what a listing may leave out explains the difference.

    That is the sequence number of a mere acknowledgment, which is then inferred, and the PSH flag.
    """
    listed = ((one[MISC] | other[MISC]) >> 24) & INFO_LISTED != 0
    flags = one[LENGTH_FLAGS] ^ other[LENGTH_FLAGS]
    same_seq = one[SEQ] == other[SEQ] or one[LENGTH_FLAGS] == _BARE_ACK
    return listed and same_seq and (flags == 0 or flags == _PUSH)


@packet_kernel
def alike(one: Any, other: Any, by_id: Any) -> Any:
    """Whether two sightings have the same numbers and, `by_id`, the same identification."""
    return (
        one[ACK] == other[ACK]
        and (
            (one[SEQ] == other[SEQ] and one[LENGTH_FLAGS] == other[LENGTH_FLAGS])
            or _alike_as_listed(one, other)
        )
        and (not by_id or identification(one) == identification(other))
    )


@packet_kernel
def same(one: Any, other: Any) -> Any:
    """Whether two sightings are of the same packet by all that middleboxes leave alone."""
    return alike(one, other, have_ids_alike(one, other))


@kernel
def hash_of(row: Any, by_id: Any) -> Any:
    """A number that sightings which are `alike` have in common, whether their timestamps are compared or not."""
    seq = np.uint64(0 if row[LENGTH_FLAGS] == _BARE_ACK else row[SEQ])
    value = seq * np.uint64(0x9E3779B97F4A7C15)
    value ^= (np.uint64(row[ACK]) << np.uint64(16)) ^ np.uint64(row[LENGTH_FLAGS] | _PUSH)
    if by_id and (row[MISC] >> 24) & INFO_IP_ID:
        value ^= np.uint64(row[ID_WINDOW] >> 16) << np.uint64(40)
    value *= np.uint64(0xD6E8FEB86659FD93)
    return value ^ (value >> np.uint64(32))
