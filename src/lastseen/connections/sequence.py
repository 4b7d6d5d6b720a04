"""Which octets of the sequence space were seen here: new ones, repeated ones, late ones, and the holes.

Unlike `reassembly` this looks at sequence numbers alone and takes a packet for what it covers, even where the
snap length cut its payload. SYN and FIN take one octet each (RFC 9293, 3.4), so a repeated SYN or FIN is found like
repeated payload.
"""

from typing import Any, Final

from lastseen.compiled import packet_kernel, step_kernel
from lastseen.connections.history import ACK, FIN, RST, SYN
from lastseen.connections.scratch import (
    C_ACK_NEW,
    C_NEW,
    C_PROBE,
    C_REPEAT,
    P_ACK,
    P_FLAGS,
    P_LENGTH,
    P_SEQ,
    P_SIDE,
    Q_ACK_SEEN,
    Q_ACKED,
    Q_BASE,
    Q_COUNT,
    Q_FIRST,
    Q_HIGH,
    Q_LOW,
    Q_NAMED,
    Q_SEEN,
    Q_STARTED,
    T_HOLES,
    T_ISN,
    T_ISN_KNOWN,
    T_OUT_OF_ORDER,
    T_PROBES,
    T_SPURIOUS,
    W_WINDOW,
    end_of,
    insert,
    seen_of,
    unwrap,
)

__all__ = ["count_holes", "look"]

PUSH: Final = 0x08
CONSUMED: Final = 2
"""Value of Q_STARTED: a packet that takes sequence space was seen."""
BELIEVABLE_STEP: Final = 1 << 30
"""No window reaches further (RFC 7323, 2.3): a sequence number beyond is not this connection's."""


@step_kernel
def count_holes(s: Any, end: Any) -> Any:
    """Octets between the first and the last sequence number of this end that no packet here covered.

    A last empty packet one octet above the rest is the end's FIN that was not seen, and no payload.
    """
    if not s[end + Q_STARTED]:
        return s[end + T_HOLES]
    top = s[end + Q_NAMED] if s[end + Q_NAMED] > s[end + Q_HIGH] + 1 else s[end + Q_HIGH]
    return s[end + T_HOLES] + max(0, top - s[end + Q_FIRST] - s[end + Q_SEEN])


@step_kernel
def start_at(s: Any, end: Any, at: Any) -> None:
    """Begin this end's sequence space at `at`, nothing seen yet."""
    s[end + Q_FIRST] = s[end + Q_LOW] = s[end + Q_HIGH] = s[end + Q_NAMED] = at
    if not s[end + Q_ACK_SEEN]:
        s[end + Q_ACKED] = at


@packet_kernel
def locate(s: Any, side: Any, octets: Any) -> Any:
    """The packet's sequence number relative to this end's base, which is chosen where there is none yet."""
    end = end_of(side)
    number = s[P_SEQ]
    if s[P_FLAGS] & SYN and s[end + T_ISN_KNOWN] == 1 and s[end + T_ISN] != number:
        s[end + T_HOLES] = count_holes(s, end)
        s[end + Q_STARTED] = s[end + Q_ACK_SEEN] = s[end + Q_SEEN] = s[end + Q_COUNT] = 0
    if not s[end + Q_STARTED]:
        if not s[end + Q_ACK_SEEN]:
            s[end + Q_BASE] = number
        at = unwrap(number, s[end + Q_BASE], 0)
        start_at(s, end, at)
    else:
        at = unwrap(number, s[end + Q_BASE], s[end + Q_HIGH])
        if s[end + Q_STARTED] == 1 and at == s[end + Q_HIGH] + 1:
            # The packet before was a keep-alive, one octet below.
            start_at(s, end, at)
    if abs(at - s[end + Q_HIGH]) <= BELIEVABLE_STEP:
        s[end + Q_STARTED] = max(s[end + Q_STARTED], CONSUMED if octets else 1)
    return at


@step_kernel
def cover_below(s: Any, side: Any, low: Any, high: Any) -> Any:
    """Cover [low, high), which begins below the highest range seen; returns how many octets are new."""
    end = end_of(side)
    new = 0
    if high > s[end + Q_HIGH]:
        new += high - s[end + Q_HIGH]
        s[end + Q_HIGH] = high
    s[end + Q_FIRST] = min(s[end + Q_FIRST], low)
    below = seen_of(side)
    touches = high >= s[end + Q_LOW]
    s[end + Q_COUNT], added = insert(s, below, s[end + Q_COUNT], low, min(high, s[end + Q_LOW]))
    if touches and s[end + Q_COUNT] > 0 and s[below + 2 * s[end + Q_COUNT] - 1] >= s[end + Q_LOW]:
        s[end + Q_COUNT] -= 1
        s[end + Q_LOW] = s[below + 2 * s[end + Q_COUNT]]
    return new + added


@step_kernel
def cover(s: Any, side: Any, low: Any, high: Any) -> Any:
    """Cover the octets [low, high) of this end; returns how many were not covered before."""
    end = end_of(side)
    if low < s[end + Q_LOW]:
        new = cover_below(s, side, low, high)
    elif low <= s[end + Q_HIGH]:
        new = max(0, high - s[end + Q_HIGH])
        s[end + Q_HIGH] = max(high, s[end + Q_HIGH])
    else:
        if s[end + Q_HIGH] > s[end + Q_LOW]:
            s[end + Q_COUNT], _ = insert(s, seen_of(side), s[end + Q_COUNT], s[end + Q_LOW], s[end + Q_HIGH])
        s[end + Q_LOW], s[end + Q_HIGH] = low, high
        new = high - low
    s[end + Q_SEEN] += new
    return new


@packet_kernel
def is_probe(s: Any, side: Any, at: Any) -> Any:
    """Whether the packet is a keep-alive (RFC 9293, 3.8.4) or a repeated window probe (3.8.6.1).

    Both ask for an acknowledgment and bring nothing: at most one octet, just below the next one expected.
    """
    end = end_of(side)
    length, flags = s[P_LENGTH], s[P_FLAGS]
    if length > 1 or flags & (SYN | FIN | RST) or s[end + Q_STARTED] < CONSUMED or at != s[end + Q_HIGH] - 1:
        return False
    if length == 0 or s[end_of(1 - side) + W_WINDOW] == 0:
        return True
    return s[end + Q_ACK_SEEN] and s[end + Q_ACKED] >= s[end + Q_HIGH] and not flags & PUSH


@packet_kernel
def look_at_sequence(s: Any, side: Any) -> None:
    """Set C_NEW, C_REPEAT and C_PROBE for the packet in hand and count it."""
    end = end_of(side)
    length, flags = s[P_LENGTH], s[P_FLAGS]
    octets = length + (1 if flags & SYN else 0) + (1 if flags & FIN else 0)
    if s[end + Q_STARTED] == CONSUMED and s[P_SEQ] == (s[end + Q_BASE] + s[end + Q_HIGH]) & 0xFFFFFFFF:
        # The next octets in order, or none: nearly every packet.
        s[end + Q_HIGH] += octets
        s[end + Q_SEEN] += octets
        s[C_NEW] = octets
        return
    at = locate(s, side, octets)
    if abs(at - s[end + Q_HIGH]) > BELIEVABLE_STEP:
        return
    if is_probe(s, side, at):
        s[C_PROBE] = 1
        s[end + T_PROBES] += 1
    elif octets == 0:
        s[end + Q_NAMED] = max(s[end + Q_NAMED], at)
    else:
        high = s[end + Q_HIGH]
        s[C_NEW] = cover(s, side, at, at + octets)
        if s[C_NEW] == 0:
            s[C_REPEAT] = 1
            if s[end + Q_ACK_SEEN] and at + octets <= s[end + Q_ACKED]:
                s[end + T_SPURIOUS] += 1
        elif at + octets <= high:
            s[end + T_OUT_OF_ORDER] += 1


@packet_kernel
def look_at_ack(s: Any, side: Any) -> None:
    """Set C_ACK_NEW: how many octets of the peer the packet in hand acknowledges for the first time."""
    peer = end_of(1 - side)
    number = s[P_ACK]
    if not s[peer + Q_ACK_SEEN] and not s[peer + Q_STARTED]:
        s[peer + Q_BASE] = number
        s[peer + Q_ACKED] = 0
    at = unwrap(number, s[peer + Q_BASE], s[peer + Q_ACKED])
    if abs(at - s[peer + Q_ACKED]) <= BELIEVABLE_STEP:
        s[peer + Q_ACK_SEEN] = 1
        s[C_ACK_NEW] = max(0, at - s[peer + Q_ACKED])
        s[peer + Q_ACKED] = max(at, s[peer + Q_ACKED])


@packet_kernel
def look(s: Any) -> None:
    """Say what the packet in hand brings: C_NEW, C_ACK_NEW, C_REPEAT, C_PROBE. A RST brings nothing."""
    s[C_NEW] = s[C_ACK_NEW] = s[C_REPEAT] = s[C_PROBE] = 0
    flags = s[P_FLAGS]
    if flags & RST:
        return
    look_at_sequence(s, s[P_SIDE])
    if flags & ACK:
        look_at_ack(s, s[P_SIDE])
