"""What an observer who follows acknowledgments can hand on in order, and when that stream has ended.

Two things of a connection's summary hang on it: the letter `g` (an acknowledgment passed over bytes never
seen) and whether an end counts as closed, which waits until everything before the FIN was handed on. Both
decide when the same addresses and ports begin a new connection.

The rules are those of Zeek's stream reassembly with its default settings (src/Reassem.cc and
src/analyzer/protocol/tcp/TCP_Reassembler.cc, Zeek 8), kept as ranges of octets: no payload is held.
"""

from typing import Any, Final

from lastseen.compiled import packet_kernel, step_kernel
from lastseen.connections.history import G_LETTER, add_scaled
from lastseen.connections.scratch import (
    C_DEFERRED,
    C_PARTIAL,
    E_ACKED,
    E_CLOSED,
    E_FIN_AT,
    E_FINS,
    E_GAPS,
    E_NEXT,
    E_PREVIOUS,
    E_STATE,
    R_COUNT,
    R_ENDED,
    R_FREED,
    R_HELD,
    R_NEXT,
    R_OFF,
    end_of,
    held_by,
    insert,
)

__all__ = [
    "CLOSED",
    "ESTABLISHED",
    "INACTIVE",
    "PARTIAL",
    "RESET",
    "SYN_ACK_SENT",
    "SYN_SENT",
    "acknowledge",
    "check_end",
    "close",
    "deliver",
    "size",
]

INACTIVE: Final = 0
SYN_SENT: Final = 1
SYN_ACK_SENT: Final = 2
PARTIAL: Final = 3
ESTABLISHED: Final = 4
CLOSED: Final = 5
RESET: Final = 6

FIRST_OCTETS: Final = 2
"""The guessed SYN, and one octet more: the first packet seen may have been a keep-alive."""
UNACKED_LIMIT: Final = 16_384
"""Bytes followed without any acknowledgment (Zeek: tcp_max_initial_window, tcp_max_above_hole_without_any_acks)."""
HELD_LIMIT: Final = 10 * 1024 * 1024
"""Bytes held in one direction (Zeek: tcp_excessive_data_without_further_acks)."""


@step_kernel
def size(s: Any, end: Any) -> Any:
    """Payload octets of one end by its sequence numbers."""
    octets = max(s[end + E_NEXT], s[end + E_ACKED])
    if octets != 0:
        octets -= 1
    if octets != 0 and s[end + E_FINS] > 0:
        octets -= 1
    return octets


@step_kernel
def is_clean(s: Any, end: Any) -> Any:
    """Whether this end is established or closed from there; only then a gap is believed."""
    return s[end + E_STATE] == ESTABLISHED or (
        s[end + E_STATE] == CLOSED and s[end + E_PREVIOUS] == ESTABLISHED
    )


@step_kernel
def report_gap(s: Any, side: Any) -> None:
    """One stretch of this side's stream was acknowledged and never seen."""
    if is_clean(s, end_of(0)) and is_clean(s, end_of(1)):
        add_scaled(s, side, E_GAPS, G_LETTER)


@step_kernel
def take_lowest(s: Any, side: Any) -> None:
    """Hand on the lowest range held."""
    end, held = end_of(side), held_by(side)
    s[end + R_NEXT] = max(s[end + R_NEXT], s[held + 1])
    s[end + R_HELD] -= s[held + 1] - s[held]
    s[end + R_COUNT] -= 1
    for i in range(2 * s[end + R_COUNT]):
        s[held + i] = s[held + i + 2]


@step_kernel
def pass_over(s: Any, side: Any, upto: Any) -> None:
    """Everything below `upto` was acknowledged: what is missing there will not come."""
    end = end_of(side)
    if upto <= FIRST_OCTETS and s[C_PARTIAL]:
        # The first acknowledgment of a connection joined midway: its start is a guess, so nothing is missing.
        return
    if not s[end + R_OFF]:
        while s[end + R_COUNT] > 0 and s[held_by(side)] < upto:
            report_gap(s, side)
            take_lowest(s, side)
        if upto > s[end + R_NEXT]:
            report_gap(s, side)
    s[end + R_NEXT] = max(s[end + R_NEXT], upto)


@step_kernel
def free(s: Any, side: Any, upto: Any) -> None:
    """Let go of everything below `upto`."""
    end = end_of(side)
    if upto > s[end + R_NEXT]:
        pass_over(s, side, upto)
    held = held_by(side)
    while s[end + R_COUNT] > 0 and (s[held] <= s[end + R_NEXT] or s[held + 1] <= upto):
        take_lowest(s, side)
    s[end + R_FREED] = upto


@step_kernel
def give_up(s: Any, end: Any) -> None:
    """Stop following this direction: too much is held, or nobody acknowledges it."""
    s[end + R_COUNT] = s[end + R_HELD] = 0
    s[end + R_FREED] = max(s[end + R_FREED], s[end + R_NEXT])
    s[end + R_OFF] = 1


@step_kernel
def hold(s: Any, side: Any, low: Any, high: Any) -> None:
    """Add the octets [low, high), none of them handed on yet, and hand on what is now in order."""
    end = end_of(side)
    if low > s[end + R_NEXT]:
        s[end + R_COUNT], new = insert(s, held_by(side), s[end + R_COUNT], low, high)
        s[end + R_HELD] += new
        return
    s[end + R_NEXT] = high
    while s[end + R_COUNT] > 0 and s[held_by(side)] <= s[end + R_NEXT]:
        take_lowest(s, side)
    if s[end + E_ACKED] <= 1 and size(s, end) > UNACKED_LIMIT:
        free(s, side, s[end + R_NEXT])


@step_kernel
def deliver(s: Any, side: Any, low: Any, high: Any) -> None:
    """Payload [low, high) of this side was seen whole."""
    end = end_of(side)
    if s[end + R_OFF] or high <= s[end + E_ACKED] or high <= s[end + R_FREED]:
        return
    low = max(low, s[end + E_ACKED], s[end + R_FREED])
    if high > s[end + R_NEXT]:
        hold(s, side, max(low, s[end + R_NEXT]), high)
    pending = 0
    if s[end + R_COUNT] > 0:
        pending = s[held_by(side) + 2 * s[end + R_COUNT] - 1] - s[end + R_NEXT]
    if s[end + E_ACKED] <= 1 and pending > UNACKED_LIMIT:
        give_up(s, end)
    if max(0, s[end + R_NEXT] - s[end + R_FREED]) + s[end + R_HELD] > HELD_LIMIT:
        give_up(s, end)


@step_kernel
def is_pending(s: Any, side: Any) -> Any:
    """Whether something before this end's last sequence number was not handed on, or its peer's not acknowledged."""
    end = end_of(side)
    if s[end + R_OFF] or s[end + E_NEXT] < s[end + R_NEXT]:
        return False
    if s[end + R_NEXT] != s[end + E_NEXT] - 1 and s[end + R_NEXT] != s[end + E_NEXT]:
        return True
    peer = end_of(1 - side)
    return s[end + E_STATE] != RESET and (s[peer + R_COUNT] > 0 or s[peer + R_NEXT] > s[peer + R_FREED])


@step_kernel
def close(s: Any, side: Any) -> None:
    """Close this end, which sent a FIN or RST; it counts as closed once nothing is pending."""
    s[C_DEFERRED] = 0
    if is_pending(s, side):
        s[C_DEFERRED] = 1
    else:
        s[end_of(side) + E_CLOSED] = 1


@packet_kernel
def check_end(s: Any, side: Any) -> None:
    """Complete a close that had to wait for this side's last octets."""
    end = end_of(side)
    if s[end + R_ENDED] or (
        s[end + E_FINS] == 0 and s[end + E_STATE] != CLOSED and s[end + E_STATE] != RESET
    ):
        return
    if is_pending(s, side):
        return
    s[end + R_ENDED] = 1
    if s[C_DEFERRED]:
        close(s, side)
        s[C_DEFERRED] = 0


@packet_kernel
def acknowledge(s: Any, side: Any, upto: Any) -> None:
    """The peer acknowledged this side's octets below `upto`."""
    end = end_of(side)
    if s[end + E_FINS] > 0 and upto >= s[end + E_FIN_AT]:
        upto = s[end + E_FIN_AT] - 1
    if upto > s[end + R_FREED]:
        free(s, side, upto)
        check_end(s, side)
