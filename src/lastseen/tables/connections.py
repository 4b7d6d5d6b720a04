"""The connection table: what one TCP connection did, as seen at one observation point."""

from typing import Final

import numpy as np

__all__ = ["CONNECTION", "STALLS", "STATES"]

STATES: Final = ("OTH", "S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR")
"""Zeek's conn_state by number (Zeek, scripts/base/protocols/conn/main.zeek)."""

STALLS: Final = (
    "",
    "waiting_for_fin",
    "waiting_for_data",
    "waiting_for_request",
    "waiting_for_ack",
    "waiting_for_window",
    "waiting_for_syn_ack",
    "lost_retransmitting",
)
"""Kinds of the longest silence of at least STALL_NS, by number. "" : no stall.

waiting_for_fin: the answer was complete as far as seen (all data acknowledged, nothing outstanding), the client
was the one to end the silence by closing; waiting_for_data: a request was acknowledged and the answer took that
long; waiting_for_request: the client was the silent one; waiting_for_ack: data was outstanding and nobody
answered; waiting_for_window: the receiver's window was shut; waiting_for_syn_ack: the handshake hung;
lost_retransmitting: one side repeated itself through the silence of the other.
"""

STALL_NS: Final = 1_000_000_000
"""A silence shorter than this is no stall: it is also the first retransmission timeout (RFC 6298, 2.1)."""

CONNECTION: Final = np.dtype(
    [
        ("flow", np.uint32),  # flow number in the capture
        ("interface", np.uint16),
        ("originator", np.uint8),  # 0: the flow's `a` is the originator, 1: its `b`
        ("originator_known", np.uint8),  # 1: a SYN or SYN-ACK said so
        ("state", np.uint8),  # index into STATES
        ("stall", np.uint8),  # index into STALLS
        ("first", np.int64),  # row of the first packet
        ("last", np.int64),  # row of the last packet
        ("start_ns", np.int64),
        ("end_ns", np.int64),
        ("longest_gap_ns", np.int64),
        ("gap_before", np.int64),  # row of the packet that ended the longest gap; -1: none
        ("stall_ns", np.int64),  # length of the longest silence, repetitions and probes left out; 0: no stall
        ("stall_from", np.int64),  # rows of the packets it began and ended with; -1: no stall
        ("stall_until", np.int64),
        ("stall_side", np.uint8),  # who was silent, 0: originator, 1: responder
        # from here on pairs: the originator, then the responder
        ("packets", np.int64, 2),
        ("bytes", np.int64, 2),  # payload as sent, retransmissions counted
        ("syn", np.int64, 2),
        ("fin", np.int64, 2),
        ("rst", np.int64, 2),
        ("retransmitted", np.int64, 2),  # packets, all of whose sequence space was seen here before
        ("spurious", np.int64, 2),  # of these: already acknowledged as seen here
        (
            "duplicated",
            np.int64,
            2,
        ),  # the same packet seen again: same numbers, flags and IPv4 identification
        (
            "out_of_order",
            np.int64,
            2,
        ),  # packets that filled a hole: late, or repeated after a loss before here
        ("probes", np.int64, 2),  # keep-alives and window probes
        ("holes", np.int64, 2),  # payload bytes never seen between the first and the last seen
        ("isn", np.uint32, 2),
        ("isn_known", np.uint8, 2),  # 0: not known, 1: from the SYN, 2: from the peer's acknowledgment of it
        ("history", "S40"),
    ]
)
"""One row a connection, ordered by first packet. Counts as at this point; times ns since the epoch."""
