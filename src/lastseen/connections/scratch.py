"""The working memory of connection tracking: one connection at a time, in one reused int64 vector.

One connection needs about a hundred numbers. They live in one flat vector with named places: it stays in the
first-level cache, a flow of one packet costs no allocation, and passing it on costs little (a tuple of arrays and
views into them cost Numba five times the work itself). Everything is bounded: the only lists, the ranges of octets
above and below a hole, hold at most `RANGES` entries a direction.

Sequence numbers are unwrapped into int64 relative to a direction's first one, so nothing here depends on the
initial sequence number or on how often 2^32 was passed.
"""

from typing import Any, Final

from lastseen.compiled import packet_kernel, step_kernel

__all__ = ["end_of", "held_by", "insert", "seen_of", "unwrap"]

RANGES: Final = 1024
"""Ranges kept above a hole in one direction; more are joined from the lowest (a hostile capture stays bounded)."""
SIGN: Final = 0x80000000
"""The sign bit of 32."""
LETTERS: Final = 40
"""Letters of a history, the width of `CONNECTION["history"]`; later ones are not kept."""

# ---- the packet in hand ----
P_ROW: Final = 0
P_TIME: Final = 1
P_SIDE: Final = 2
P_SEQ: Final = 3
P_ACK: Final = 4
P_LENGTH: Final = 5
P_FLAGS: Final = 6
P_WINDOW: Final = 7
P_ID: Final = 8  # IPv4 identification; 0: none
P_CUT: Final = 9

# ---- the connection as a whole ----
C_ORIGINATOR: Final = 10  # side
C_LETTERS: Final = 11
C_ONCE: Final = 12  # letters written once: bit set
C_PARTIAL: Final = 13
C_FIRST_SEEN: Final = 14  # bit 0: originator, bit 1: responder
C_DEFERRED: Final = 15
C_ROW: Final = 16
C_LAST_ROW: Final = 17
C_START: Final = 18
C_END: Final = 19
C_GAP: Final = 20
C_GAP_ROW: Final = 21
C_PROGRESS: Final = 22
C_PROGRESS_ROW: Final = 23
C_STALL: Final = 24  # the longest silence: kind, ns, side, rows
C_STALL_NS: Final = 25
C_STALL_SIDE: Final = 26
C_STALL_FROM: Final = 27
C_STALL_UNTIL: Final = 28
C_STALL_END: Final = 29
C_MAYBE_CLOSING: Final = (
    30  # the longest silence ended with bytes of the client that may belong to its closing
)
C_TALKER: Final = 31  # side of the last payload; -1: none yet
C_SHAKEN: Final = 32  # 1: the handshake is over or was not seen
C_NEW: Final = 33  # octets the packet in hand brought
C_ACK_NEW: Final = 34  # octets it acknowledged for the first time
C_REPEAT: Final = 35  # it is a retransmission
C_PROBE: Final = 36  # it is a keep-alive or a window probe
C_SERVICE: Final = 37  # 1: a service whose connections idle for long
C_KNOWN: Final = 38

# ---- one end of the connection, from `end_of(side)` on; side 0 is the flow's `a` ----
E_STATE: Final = 0
E_PREVIOUS: Final = 1
E_BASE: Final = 2  # first sequence number, as on the wire
E_NEXT: Final = 3  # one past the last sequence number, relative to E_BASE
E_ACKED: Final = 4  # what the peer acknowledged, relative to E_BASE
E_FINS: Final = 5
E_FIN_AT: Final = 6
E_CLOSED: Final = 7
E_LAST_SYN: Final = 8
E_LAST_FIN: Final = 9
E_LAST_RST: Final = 10
E_REPEATS: Final = 11  # counter and the next count worth a letter, for each letter of the logarithmic kind
E_REPEATS_NEXT: Final = 12
E_ZEROS: Final = 13
E_ZEROS_NEXT: Final = 14
E_GAPS: Final = 15
E_GAPS_NEXT: Final = 16
# the in-order stream, as a reassembler that follows acknowledgments sees it
R_NEXT: Final = 17
R_FREED: Final = 18
R_OFF: Final = 19
R_ENDED: Final = 20
R_HELD: Final = 21
R_COUNT: Final = 22
# sequence space seen at this point, acknowledgments left out
Q_STARTED: Final = 23  # 0: nothing seen, 1: a packet that consumes no sequence space, 2: one that does
Q_BASE: Final = 24
Q_FIRST: Final = 25
Q_LOW: Final = 26  # the highest range seen: [Q_LOW, Q_HIGH)
Q_HIGH: Final = 27
Q_NAMED: Final = 28  # highest sequence number an empty packet named
Q_SEEN: Final = 29
Q_COUNT: Final = 30
Q_ACKED: Final = 31
Q_ACK_SEEN: Final = 32
# what the table reports
T_PACKETS: Final = 33
T_BYTES: Final = 34
T_SYN: Final = 35
T_FIN: Final = 36
T_RST: Final = 37
T_RETRANSMITTED: Final = 38
T_SPURIOUS: Final = 39
T_OUT_OF_ORDER: Final = 40
T_DUPLICATED: Final = 41
T_PROBES: Final = 42
T_ISN: Final = 43
T_ISN_KNOWN: Final = 44
T_HOLES: Final = 45
# waiting
W_WINDOW: Final = 46  # the window last offered; -1: none yet
W_ZERO_SINCE: Final = 47  # time and row since when the window is shut, and probes meanwhile
W_ZERO_ROW: Final = 48
W_ZERO_PROBES: Final = 49
W_OWED_SINCE: Final = 50  # time and row since when this end has something unacknowledged
W_OWED_ROW: Final = 51
W_OWED: Final = 52
W_OWED_REPEATS: Final = 53
W_REPEATS: Final = 54  # retransmissions since the last progress
E_WIDTH: Final = 55

START: Final = C_ORIGINATOR
"""From here to END all is zero before a connection."""
ENDS_AT: Final = C_KNOWN + 1
END: Final = ENDS_AT + 2 * E_WIDTH
LETTERS_AT: Final = END
RANGES_AT: Final = LETTERS_AT + LETTERS
RANGES_WIDTH: Final = 2 * (RANGES + 1)
WIDTH: Final = RANGES_AT + 4 * RANGES_WIDTH


@packet_kernel
def end_of(side: Any) -> Any:
    """Where the numbers of `side` begin."""
    return ENDS_AT + side * E_WIDTH


@step_kernel
def held_by(side: Any) -> Any:
    """Where the ranges above a hole begin that the reassembler of `side` holds: pairs of first octet, one past last."""
    return RANGES_AT + side * RANGES_WIDTH


@step_kernel
def seen_of(side: Any) -> Any:
    """Where the ranges of `side` begin that lie below its highest one."""
    return RANGES_AT + (2 + side) * RANGES_WIDTH


@packet_kernel
def unwrap(number: Any, base: Any, near: Any) -> Any:
    """The 32-bit `number` as an offset from `base`, chosen to lie within 2^31 of the offset `near`."""
    delta = (number - base - near) & 0xFFFFFFFF
    return near + (delta ^ SIGN) - SIGN


@step_kernel
def move_ranges(s: Any, at: Any, count: Any, by: Any) -> None:
    """Move `count` ranges from `at` on by `by` places."""
    if by > 0:
        for i in range(2 * count - 1, -1, -1):
            s[at + i + 2 * by] = s[at + i]
    elif by < 0:
        for i in range(2 * count):
            s[at + i + 2 * by] = s[at + i]


@step_kernel
def insert(s: Any, at: Any, count: Any, low: Any, high: Any) -> Any:
    """Insert [low, high) into the `count` ascending ranges at `at`, which do not touch each other.

    Returns how many there are then and how many octets are new. Sought from the end: what fills a hole is mostly young.
    """
    last = count
    while last > 0 and s[at + 2 * last - 2] > high:
        last -= 1
    first = last
    new = high - low
    while first > 0 and s[at + 2 * first - 1] >= low:
        first -= 1
        below, above = s[at + 2 * first], s[at + 2 * first + 1]
        new -= max(0, min(high, above) - max(low, below))
        low, high = min(low, below), max(high, above)
    move_ranges(s, at + 2 * last, count - last, 1 - (last - first))
    s[at + 2 * first], s[at + 2 * first + 1] = low, high
    count += 1 - (last - first)
    if count > RANGES:
        s[at + 2] = s[at]
        move_ranges(s, at + 2, count - 1, -1)
        count -= 1
    return count, new
