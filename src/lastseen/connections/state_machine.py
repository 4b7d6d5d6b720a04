"""The state of each end of a connection, and what the two together are called.

An observer's state machine is not the endpoint's of RFC 9293: it must make sense of connections joined midway, of
packets it alone missed and of ends that lie. The states and rules are Zeek's, so that `state` and `history`
are what `zeek -C` would write (src/packet_analysis/protocol/tcp/TCPSessionAdapter.cc and
scripts/base/protocols/conn/main.zeek, Zeek 8). What Zeek decides by its timers is decided by time alone
here, see `tracking`.
"""

from typing import Any, Final

from lastseen.compiled import packet_kernel, step_kernel
from lastseen.connections.history import (
    ACK,
    FIN,
    RST,
    SYN,
    T_LETTER,
    W_LETTER,
    add_scaled,
    flip,
    swap_bits,
    write,
)
from lastseen.connections.reassembly import (
    CLOSED,
    ESTABLISHED,
    INACTIVE,
    PARTIAL,
    RESET,
    SYN_ACK_SENT,
    SYN_SENT,
    acknowledge,
    check_end,
    close,
    deliver,
    size,
)
from lastseen.connections.scratch import (
    C_FIRST_SEEN,
    C_LETTERS,
    C_ORIGINATOR,
    C_PARTIAL,
    E_ACKED,
    E_BASE,
    E_CLOSED,
    E_FIN_AT,
    E_FINS,
    E_GAPS_NEXT,
    E_NEXT,
    E_PREVIOUS,
    E_REPEATS,
    E_REPEATS_NEXT,
    E_STATE,
    E_ZEROS,
    E_ZEROS_NEXT,
    LETTERS_AT,
    P_ACK,
    P_CUT,
    P_FLAGS,
    P_LENGTH,
    P_SEQ,
    P_SIDE,
    P_WINDOW,
    R_FREED,
    R_NEXT,
    end_of,
    unwrap,
)

__all__ = ["advance", "begins_anew", "conclude", "start_ends"]

UNBELIEVABLE_STEP: Final = 1 << 20
"""A SYN or RST whose sequence number is further off than this is not believed (Zeek: TOO_LARGE_SEQ_DELTA)."""

BOTH_SEEN: Final = 3

OTH, S0, S1, SF, REJ, S2, S3, RSTO, RSTR, RSTOS0, RSTRH, SH, SHR = range(13)


@step_kernel
def start_ends(s: Any) -> None:
    """Both ends as before the first packet; the vectors are all zero."""
    for side in range(2):
        end = end_of(side)
        s[end + R_NEXT] = s[end + R_FREED] = 1
        s[end + E_REPEATS_NEXT] = s[end + E_ZEROS_NEXT] = s[end + E_GAPS_NEXT] = 1


@step_kernel
def set_state(s: Any, end: Any, state: Any) -> None:
    """Enter `state`, remembering the one left."""
    if state != s[end + E_STATE]:
        s[end + E_PREVIOUS] = s[end + E_STATE]
        s[end + E_STATE] = state


@packet_kernel
def begins_anew(s: Any) -> Any:
    """Whether the packet in hand opens another connection with the same addresses and ports."""
    flags, sequence = s[P_FLAGS], s[P_SEQ]
    if not flags & SYN:
        return False
    first, second = end_of(s[C_ORIGINATOR]), end_of(1 - s[C_ORIGINATOR])
    if flags & ACK and s[first + E_STATE] != INACTIVE:
        return False
    if s[first + E_CLOSED] or s[second + E_CLOSED]:
        return True
    by_first = s[P_SIDE] == s[C_ORIGINATOR]
    if flags & ACK:
        return by_first or sequence != s[second + E_BASE]
    if by_first:
        return sequence != s[first + E_BASE]
    # The responder's SYN; it and its SYN-ACK may have been captured in the wrong order.
    waiting = s[first + E_STATE] == SYN_ACK_SENT and s[second + E_STATE] == INACTIVE
    return not waiting or sequence != s[second + E_BASE]


@step_kernel
def set_base(s: Any, end: Any, base: Any, following: Any) -> None:
    """Count this end's sequence numbers from `base`."""
    s[end + E_BASE] = base & 0xFFFFFFFF
    s[end + E_ACKED] = 0
    s[end + E_NEXT] = following


@packet_kernel
def place(s: Any, end: Any, flags: Any, sequence: Any, octets: Any) -> None:
    """Choose or move the base of this end's sequence numbers where its packet calls for it."""
    state = s[end + E_STATE]
    if state == INACTIVE and not flags & SYN:
        # Joined midway: count as if a SYN had been seen just before.
        set_base(s, end, sequence - 1, 1)
    elif flags & SYN:
        if state == INACTIVE or state == ESTABLISHED or state == PARTIAL:
            set_base(s, end, sequence, octets)
        elif state == SYN_SENT or state == SYN_ACK_SENT:
            if sequence != s[end + E_BASE]:
                set_base(s, end, sequence, octets)
        elif state == RESET and s[end + E_PREVIOUS] == INACTIVE:
            set_base(s, end, sequence, octets)


@packet_kernel
def note_partial(s: Any, by_originator: Any) -> None:
    """Whether the connection was joined midway, by the first packet of each end."""
    flags, seen = s[P_FLAGS], s[C_FIRST_SEEN]
    if by_originator:
        if not seen & 1:
            s[C_PARTIAL] = 0 if flags & (SYN | ACK) == SYN else 1
    elif not seen & 2 and not s[C_PARTIAL]:
        s[C_PARTIAL] = 0 if flags & SYN else 1


@step_kernel
def take_ack(s: Any, side: Any) -> Any:
    """Follow the acknowledgment of the packet in hand; returns it relative to the peer's base (0: not believed)."""
    peer = end_of(1 - side)
    number = s[P_ACK]
    if s[peer + E_STATE] == INACTIVE:
        set_base(s, peer, number - 1, 0)
        return 1
    relative = unwrap(number, s[peer + E_BASE], s[peer + E_ACKED])
    if relative < 0:
        return 0
    step = relative - s[peer + E_ACKED]
    if step > 0 and not s[P_FLAGS] & RST and not (number == 0 and step > UNBELIEVABLE_STEP):
        s[peer + E_ACKED] = relative
    return relative


@step_kernel
def take_sequence(s: Any, side: Any, following: Any) -> None:
    """Follow the sequence number; `following` is one past the packet, relative to the base."""
    end = end_of(side)
    flags = s[P_FLAGS]
    step = following - s[end + E_NEXT]
    if flags & (SYN | RST) and abs(step) > UNBELIEVABLE_STEP:
        return
    if flags & FIN and s[end + E_NEXT] == 1:
        # Only SYN and FIN were seen: more than 2^31 octets may lie between them.
        s[end + E_NEXT] = following & 0xFFFFFFFF
    elif s[end + E_STATE] == RESET:
        return
    elif step > 0:
        s[end + E_NEXT] = following
    elif s[P_LENGTH] > 0:
        add_scaled(s, side, E_REPEATS, T_LETTER)


@step_kernel
def from_inactive(s: Any, side: Any, by_originator: Any) -> Any:
    """The first packet of this end; returns whether it closes."""
    end, peer = end_of(side), end_of(1 - side)
    flags = s[P_FLAGS]
    if flags & SYN:
        if by_originator:
            set_state(s, end, SYN_ACK_SENT if flags & ACK else SYN_SENT)
        else:
            answer_syn(s, side)
    if flags & FIN:
        set_state(s, end, CLOSED)
    if flags & RST:
        set_state(s, end, RESET)
    if s[end + E_STATE] == INACTIVE:
        originator = end_of(s[C_ORIGINATOR])
        if not by_originator and s[P_LENGTH] == 0 and s[originator + E_STATE] == SYN_SENT:
            # Some stacks acknowledge the SYN before they send their own.
            return False
        if flags & ACK and s[peer + E_STATE] == ESTABLISHED:
            set_state(s, end, ESTABLISHED)
            s[C_PARTIAL] = 0
            s[C_FIRST_SEEN] |= 1 if side == s[C_ORIGINATOR] else 2
        else:
            set_state(s, end, PARTIAL)
    return flags & (FIN | RST) != 0


@step_kernel
def answer_syn(s: Any, side: Any) -> None:
    """The responder's SYN, with or without ACK."""
    end, peer = end_of(side), end_of(1 - side)
    if not s[P_FLAGS] & ACK and s[peer + E_STATE] == SYN_ACK_SENT and s[P_SEQ] == s[end + E_BASE]:
        flip(s)
        s[C_PARTIAL] = 0
        s[C_FIRST_SEEN] = swap_bits(s[C_FIRST_SEEN]) | 1
        set_state(s, peer, ESTABLISHED)
    if s[peer + E_STATE] == SYN_SENT:
        set_state(s, peer, ESTABLISHED)
    set_state(s, end, ESTABLISHED)


@step_kernel
def from_established(s: Any, side: Any) -> Any:
    """A packet of an established or midway joined end; returns whether it closes."""
    end, peer = end_of(side), end_of(1 - side)
    flags = s[P_FLAGS]
    if flags & (SYN | ACK) == SYN and s[end + E_STATE] == PARTIAL and s[peer + E_STATE] == INACTIVE:
        set_state(s, end, SYN_SENT)
    if flags & (FIN | RST) == FIN:
        set_state(s, end, CLOSED)
        if s[peer + E_STATE] == RESET and s[peer + E_PREVIOUS] == CLOSED:
            # The peer sent FIN, then RST: after all a normal end.
            set_state(s, peer, CLOSED)
    if flags & RST:
        set_state(s, end, RESET)
    return flags & (FIN | RST) != 0


@step_kernel
def step_state(s: Any, side: Any, by_originator: Any) -> Any:
    """Move this end's state by the packet in hand; returns whether the end closes with it."""
    end = end_of(side)
    flags = s[P_FLAGS]
    state = s[end + E_STATE]
    if state == ESTABLISHED or state == PARTIAL:
        return flags & (SYN | FIN | RST) != 0 and from_established(s, side)
    if state == INACTIVE:
        return from_inactive(s, side, by_originator)
    if state == SYN_SENT or state == SYN_ACK_SENT:
        if flags & FIN:
            set_state(s, end, CLOSED)
        if flags & RST:
            set_state(s, end, RESET)
        return flags & (FIN | RST) != 0
    if state == CLOSED and flags & RST and s[end_of(1 - side) + E_STATE] != CLOSED:
        set_state(s, end, RESET)
        return s[end + E_CLOSED] == 0
    return False


@packet_kernel
def note_window(s: Any, side: Any) -> None:
    """Write a shut window into the history, unless this or the other end is already leaving."""
    if s[P_WINDOW] != 0 or s[P_FLAGS] & RST:
        return
    if s[end_of(1 - side) + E_STATE] != CLOSED and s[end_of(side) + E_STATE] != RESET:
        add_scaled(s, side, E_ZEROS, W_LETTER)


@packet_kernel
def advance(s: Any) -> None:
    """Take the packet in hand into the states of both ends and into the history."""
    side, flags, length = s[P_SIDE], s[P_FLAGS], s[P_LENGTH]
    end = end_of(side)
    by_originator = side == s[C_ORIGINATOR]
    if s[C_FIRST_SEEN] != BOTH_SEEN:
        note_partial(s, by_originator)
    octets = (0 if flags & RST else length) + (1 if flags & SYN else 0) + (1 if flags & FIN else 0)
    place(s, end, flags, s[P_SEQ], octets)
    at = unwrap(s[P_SEQ], s[end + E_BASE], s[end + E_NEXT])
    write(s, side, at)
    note_window(s, side)
    if flags & FIN:
        s[end + E_FINS] += 1
        s[end + E_FIN_AT] = at + octets
    acked = take_ack(s, side) if flags & ACK else 0
    take_sequence(s, side, at + octets)
    closes = step_state(s, side, by_originator)
    if flags & ACK:
        acknowledge(s, 1 - side, acked)
    s[C_FIRST_SEEN] |= 1 if by_originator else 2
    if length > 0 and not flags & RST and at >= 0 and not s[P_CUT]:
        start = at + 1 if flags & SYN else at
        deliver(s, side, start, start + length)
    check_end(s, side)
    if closes:
        close(s, side)


@step_kernel
def was_never_answered(s: Any) -> Any:
    """Whether the history is a SYN, then nothing else of the originator's up to its RST."""
    i = 1 if s[LETTERS_AT + 0] == ord("^") else 0
    if s[C_LETTERS] <= i or s[LETTERS_AT + i] != ord("S"):
        return False
    for j in range(i + 1, s[C_LETTERS]):
        letter = s[LETTERS_AT + j]
        if letter == ord("R"):
            return True
        if letter in (ord("H"), ord("A"), ord("F"), ord("G"), ord("I"), ord("Q")):
            return False
    return False


@step_kernel
def conclude_reset(s: Any, first: Any, second: Any) -> Any:
    """The name of a connection of which at least one end sent a RST."""
    if s[second + E_STATE] == RESET:
        if s[first + E_STATE] == SYN_SENT or s[first + E_STATE] == SYN_ACK_SENT:
            return REJ
        if s[first + E_STATE] == RESET and size(s, first) == 0 and size(s, second) == 0:
            return REJ
        return RSTRH if s[first + E_STATE] == INACTIVE or s[first + E_STATE] == PARTIAL else RSTR
    if s[second + E_STATE] == INACTIVE or s[second + E_STATE] == PARTIAL:
        return RSTOS0 if was_never_answered(s) else OTH
    return RSTO


@step_kernel
def conclude(s: Any) -> Any:
    """The connection's state, an index into `STATES`."""
    first, second = end_of(s[C_ORIGINATOR]), end_of(1 - s[C_ORIGINATOR])
    a, b = s[first + E_STATE], s[second + E_STATE]
    if a == RESET or b == RESET:
        return conclude_reset(s, first, second)
    if a == CLOSED and b == CLOSED:
        return SF
    if a == CLOSED:
        return SH if b == INACTIVE or b == PARTIAL else S2
    if b == CLOSED:
        return SHR if a == INACTIVE or a == PARTIAL else S3
    if a == SYN_SENT and b == INACTIVE:
        return S0
    return S1 if a == ESTABLISHED and b == ESTABLISHED else OTH
