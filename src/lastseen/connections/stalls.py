"""Who kept whom waiting: the longest silence of a connection and its kind.

A silence is not the longest gap between two packets: a sender that repeats itself every few seconds, a keep-alive,
a window probe fill the gap and change nothing. What ends a silence is *progress*: sequence space seen for the first
time, a first acknowledgment, a window that opens or shuts, a RST. Two measures are taken and the longer one is kept:

* the time between two packets that made progress;
* for what was repeated: from the first sending of what is unacknowledged to the next progress of the other side.

A window is measured from its closing to its opening, if the peer asked meanwhile. The kinds follow T-RAT (Zhang et
al., SIGCOMM 2002) and TAPO (Zhou et al., CoNEXT 2015), who sort by what was outstanding and who was silent.
"""

from typing import Any, Final

from lastseen.compiled import packet_kernel, step_kernel
from lastseen.connections.history import FIN, RST, SYN
from lastseen.connections.scratch import (
    C_ACK_NEW,
    C_END,
    C_LAST_ROW,
    C_MAYBE_CLOSING,
    C_NEW,
    C_ORIGINATOR,
    C_PROBE,
    C_PROGRESS,
    C_PROGRESS_ROW,
    C_REPEAT,
    C_SHAKEN,
    C_STALL,
    C_STALL_END,
    C_STALL_FROM,
    C_STALL_NS,
    C_STALL_SIDE,
    C_STALL_UNTIL,
    C_TALKER,
    E_FINS,
    P_FLAGS,
    P_LENGTH,
    P_ROW,
    P_SIDE,
    P_TIME,
    P_WINDOW,
    Q_ACK_SEEN,
    Q_ACKED,
    Q_HIGH,
    W_OWED,
    W_OWED_REPEATS,
    W_OWED_ROW,
    W_OWED_SINCE,
    W_REPEATS,
    W_WINDOW,
    W_ZERO_PROBES,
    W_ZERO_ROW,
    W_ZERO_SINCE,
    end_of,
)
from lastseen.tables.connections import STALL_NS, STALLS

__all__ = ["finish", "observe"]

FIN_KIND: Final = STALLS.index("waiting_for_fin")
DATA_KIND: Final = STALLS.index("waiting_for_data")
REQUEST_KIND: Final = STALLS.index("waiting_for_request")
ACK_KIND: Final = STALLS.index("waiting_for_ack")
WINDOW_KIND: Final = STALLS.index("waiting_for_window")
SYN_ACK_KIND: Final = STALLS.index("waiting_for_syn_ack")
LOST_KIND: Final = STALLS.index("lost_retransmitting")

CLOSING_BYTES: Final = 100
"""No more payload than this accompanies a close: a TLS close_notify takes 24 to 85 bytes (RFC 5246, RFC 8446)."""


@step_kernel
def record(s: Any, kind: Any, silent: Any, since: Any, row: Any) -> None:
    """Keep this silence, which began at `since` with `row` and ends with the packet in hand, if the longest."""
    waited = s[P_TIME] - since
    if waited < STALL_NS or waited <= s[C_STALL_NS]:
        return
    s[C_STALL], s[C_STALL_NS], s[C_STALL_SIDE] = kind, waited, silent
    s[C_STALL_FROM], s[C_STALL_UNTIL], s[C_STALL_END] = row, s[P_ROW], s[P_TIME]
    s[C_MAYBE_CLOSING] = 0


@step_kernel
def shut_window(s: Any) -> Any:
    """The side whose window is shut while the other wants to send; -1: neither. Of both, the responder's."""
    originator = s[C_ORIGINATOR]
    for side in (1 - originator, originator):
        end = end_of(side)
        if s[end + W_WINDOW] == 0 and (s[end + W_ZERO_PROBES] > 0 or s[end_of(1 - side) + W_OWED]):
            return side
    return -1


@step_kernel
def kind_unanswered(s: Any) -> Any:
    """(kind, silent side) where the handshake hangs, a window is shut or one side repeats itself; kind 0: none."""
    originator = s[C_ORIGINATOR]
    if not s[C_SHAKEN]:
        half_open = s[end_of(1 - originator) + W_OWED] and not s[end_of(originator) + W_OWED]
        return SYN_ACK_KIND, originator if half_open else 1 - originator
    shut = shut_window(s)
    if shut >= 0:
        return WINDOW_KIND, shut
    repeats, others = s[end_of(originator) + W_REPEATS], s[end_of(1 - originator) + W_REPEATS]
    if repeats or others:
        return LOST_KIND, originator if others > repeats else 1 - originator
    return 0, 0


@step_kernel
def kind_idle(s: Any) -> Any:
    """(kind, silent side) where nothing is outstanding and nobody spoke: a request waits, or none was made."""
    originator = s[C_ORIGINATOR]
    if s[C_TALKER] == originator:
        return DATA_KIND, 1 - originator
    return REQUEST_KIND, originator


@step_kernel
def kind_ended_by(s: Any, side: Any) -> Any:
    """(kind, silent side) of a silence with nothing outstanding that a packet of `side` ended."""
    originator = s[C_ORIGINATOR]
    closes = s[P_FLAGS] & (FIN | RST)
    answered = s[C_TALKER] == 1 - originator and s[end_of(1 - originator) + E_FINS] == 0
    if side != originator:
        if closes:
            return kind_idle(s)
        return (DATA_KIND, side) if s[P_LENGTH] else (REQUEST_KIND, originator)
    if closes:
        return (FIN_KIND, 1 - originator) if answered else kind_idle(s)
    return (REQUEST_KIND, originator) if s[P_LENGTH] else (DATA_KIND, 1 - originator)


@step_kernel
def kind_of_silence(s: Any, side: Any) -> Any:
    """(kind, silent side) of the silence that a packet of `side` ended."""
    kind, silent = kind_unanswered(s)
    if kind:
        return kind, silent
    if s[end_of(1 - side) + W_OWED]:
        return ACK_KIND, side
    if s[end_of(side) + W_OWED]:
        if s[P_FLAGS] & (FIN | RST):
            return ACK_KIND, 1 - side
        return (REQUEST_KIND if side == s[C_ORIGINATOR] else DATA_KIND), side
    return kind_ended_by(s, side)


@step_kernel
def progress(s: Any, side: Any) -> None:
    """The packet in hand moved the connection on: judge the silence before it."""
    waited = s[P_TIME] - s[C_PROGRESS]
    if waited >= STALL_NS and waited > s[C_STALL_NS]:
        kind, silent = kind_of_silence(s, side)
        record(s, kind, silent, s[C_PROGRESS], s[C_PROGRESS_ROW])
        originator = s[C_ORIGINATOR]
        if kind == REQUEST_KIND and side == originator and s[C_TALKER] == 1 - originator:
            unfinished = s[end_of(1 - originator) + E_FINS] == 0
            s[C_MAYBE_CLOSING] = 1 if unfinished and s[P_LENGTH] <= CLOSING_BYTES else 0
    s[C_PROGRESS] = s[P_TIME]
    s[C_PROGRESS_ROW] = s[P_ROW]
    s[end_of(0) + W_REPEATS] = s[end_of(1) + W_REPEATS] = 0


@step_kernel
def settle(s: Any, side: Any) -> None:
    """The other side speaks again, or the connection ends: judge what `side` repeated meanwhile."""
    end = end_of(side)
    if s[end + W_OWED] and s[end + W_OWED_REPEATS] > 0:
        kind = LOST_KIND if s[C_SHAKEN] else SYN_ACK_KIND
        record(s, kind, 1 - side, s[end + W_OWED_SINCE], s[end + W_OWED_ROW])
    s[end + W_OWED_SINCE] = s[P_TIME]
    s[end + W_OWED_ROW] = s[P_ROW]
    s[end + W_OWED_REPEATS] = 0
    s[end + W_OWED] = 1 if s[end + Q_HIGH] > s[end + Q_ACKED] else 0


@packet_kernel
def owe(s: Any, side: Any) -> None:
    """Follow what this side has outstanding."""
    end = end_of(side)
    if s[C_NEW] > 0:
        # New octets after repeated ones, and never an acknowledgment: these are not captured here.
        unseen = s[end + W_OWED_REPEATS] > 0 and not s[end + Q_ACK_SEEN]
        if not s[end + W_OWED] or unseen:
            s[end + W_OWED_SINCE] = s[P_TIME]
            s[end + W_OWED_ROW] = s[P_ROW]
            s[end + W_OWED_REPEATS] = 0
        s[end + W_OWED] = 1 if s[end + Q_HIGH] > s[end + Q_ACKED] else 0
    elif s[C_REPEAT]:
        s[end + W_REPEATS] += 1
        s[end + W_OWED_REPEATS] += 1


@step_kernel
def judge_window(s: Any, side: Any) -> None:
    """The window of `side` was shut until now: judge the wait if the other side asked meanwhile."""
    end = end_of(side)
    if s[end + W_WINDOW] == 0 and s[end + W_ZERO_PROBES] > 0:
        record(s, WINDOW_KIND, side, s[end + W_ZERO_SINCE], s[end + W_ZERO_ROW])


@packet_kernel
def watch_window(s: Any, side: Any) -> None:
    """Follow the window that `side` offers."""
    end = end_of(side)
    window = s[P_WINDOW]
    if window == 0 and s[end + W_WINDOW] != 0:
        s[end + W_ZERO_SINCE] = s[P_TIME]
        s[end + W_ZERO_ROW] = s[P_ROW]
        s[end + W_ZERO_PROBES] = 0
    elif window != 0:
        judge_window(s, side)
    s[end + W_WINDOW] = window


@step_kernel
def watch_closing(s: Any, side: Any) -> None:
    """Payload of the client that ended the silence belongs to its closing if the close follows at once.

    What the server answers makes it a question, however short.
    """
    if side != s[C_ORIGINATOR]:
        if s[P_LENGTH]:
            s[C_MAYBE_CLOSING] = 0
    elif s[P_FLAGS] & (FIN | RST):
        if s[P_TIME] - s[C_STALL_END] < STALL_NS:
            s[C_STALL], s[C_STALL_SIDE] = FIN_KIND, 1 - side
        s[C_MAYBE_CLOSING] = 0


@packet_kernel
def observe(s: Any) -> None:
    """Take the packet in hand into the account of silences; `sequence.look` has seen it."""
    side, flags = s[P_SIDE], s[P_FLAGS]
    peer = end_of(1 - side)
    known = s[end_of(side) + W_WINDOW]
    turns = known >= 0 and (known == 0) != (s[P_WINDOW] == 0)
    if s[C_NEW] > 0 or s[C_ACK_NEW] > 0 or flags & RST or turns:
        progress(s, side)
        settle(s, 1 - side)
    owe(s, side)
    if s[C_MAYBE_CLOSING]:
        watch_closing(s, side)
    if not flags & (SYN | RST):
        watch_window(s, side)
        s[C_SHAKEN] = 1
        if s[peer + W_WINDOW] == 0 and (s[C_PROBE] or s[C_REPEAT] or s[C_NEW] > 0):
            s[peer + W_ZERO_PROBES] += 1
    if s[C_NEW] > 0 and s[P_LENGTH] > 0:
        s[C_TALKER] = side


@step_kernel
def finish(s: Any) -> None:
    """No packet follows: judge what was still being waited for at the last one."""
    originator = s[C_ORIGINATOR]
    s[P_TIME] = s[C_END]
    s[P_ROW] = s[C_LAST_ROW]
    if s[C_END] - s[C_PROGRESS] >= STALL_NS:
        kind, silent = kind_unanswered(s)
        if not kind:
            kind, silent = kind_idle(s)
            for side in (1 - originator, originator):
                if s[end_of(side) + W_OWED]:
                    kind, silent = ACK_KIND, 1 - side
        record(s, kind, silent, s[C_PROGRESS], s[C_PROGRESS_ROW])
    for side in (originator, 1 - originator):
        judge_window(s, side)
        settle(s, side)
