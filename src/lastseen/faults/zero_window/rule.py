"""The receiver stopped reading: its window closed, the sender could only probe until it opened again.

RFC 9293, 3.8.6.1. Not the network's doing unless the update that opens the window is lost on the way, which the
captures would show as a loss.
"""

from typing import Final

import numpy as np

from lastseen.faults.facts import ConversationFacts, Facts
from lastseen.faults.tracks import Track
from lastseen.faults.unanswered import rose, traced
from lastseen.faults.weighing import Account, Fact, Observed, Unknown, holds, weigh
from lastseen.tables.counted import counted
from lastseen.tables.judgements import Judgement, Reason, Refuted, Remedy, Step, Untestable

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "zero_window"
TITLE: Final = "the receiver stops reading and closes its window"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "slow_server": "there the receiver's window is open all the time",
}
STALL: Final = "waiting_for_window"


def judge(facts: Facts) -> Judgement:
    """Supported where a connection stood still behind a closed window and nothing of it was lost."""
    shut = [c for c in facts.stalled() if c.stall == STALL]
    return weigh(SLUG, (_account(c, facts) for c in shut), otherwise=_otherwise(facts))


def _otherwise(facts: Facts) -> Judgement:
    if not facts.conversations:
        return Untestable(fault=SLUG, missing=("a capture of the connection",))
    return Refuted(fault=SLUG, against=(Reason(text="no connection waited for a window to open"),))


def _account(conversation: ConversationFacts, facts: Facts) -> Account:
    track = facts.near_client(conversation)
    closed = track.only((track.of("tcp_window") == 0) & (track.of("tcp_hdr_len") > 0) & ~track.flags("R"))
    waited = conversation.stall_ns / 1e9
    who = "the client" if len(closed) and bool(closed.from_client[0]) else "the server"
    lost = conversation.lost_packets
    said = (
        f"{counted(lost, 'packet of the connection', 'were')} lost"
        if lost
        else "no packet of the connection was lost"
    )
    return Account(
        required=(_closed(closed, who), holds(not lost, Reason(text=said, source=conversation.stall_source))),
        agreeing=(
            rose(
                facts,
                "nstat",
                "TcpExtTCPToZeroWindowAdv",
                "TcpExtTCPFromZeroWindowAdv",
                "TcpExtTCPWinProbe",
                what="a host's count of closed windows or probes",
            ),
            traced(facts, "TCP_ZEROWINDOW"),
            _unread(facts, conversation),
        ),
        summary=f"{who} closed its receive window on {conversation.text} and the connection stood still for "
        f"{waited:.2f} s until it read on",
        component=f"the program on {who}'s side, which did not read",
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _closed(closed: Track, who: str) -> Fact:
    if not len(closed):
        return Unknown(missing="the packets that close the window")
    times = int(np.count_nonzero(closed.from_client == closed.from_client[0]))
    text = f"{who} announced a window of 0 {counted(times, 'time')}"
    return Observed(reason=Reason(text=text, source=closed.source()))


def _unread(facts: Facts, conversation: ConversationFacts) -> Fact:
    """Bytes that wait in the receiver's socket."""
    for socket in facts.sockets:
        mine = (socket.local.address, socket.local.port) in conversation.endpoints
        if mine and (socket.peer.address, socket.peer.port) in conversation.endpoints and socket.recv_q_bytes:
            text = (
                f"{counted(socket.recv_q_bytes, 'byte', 'wait')} unread in the socket "
                f"{socket.local.address}:{socket.local.port}"
            )
            return Observed(reason=Reason(text=text, source=socket.source))
    return Unknown(missing="ss -tinom on the receiver in mid-stall (Recv-Q)")


_REMEDIES: Final = (
    Remedy(
        title="Let the receiver read",
        where="the program whose window is closed: what it does between two reads",
        commands=(),
        price="a change in the program",
        risk="none",
        check="no window of 0 in a capture",
        undo=(),
    ),
    Remedy(
        title="Give its socket a larger buffer",
        where="the receiver: net.ipv4.tcp_rmem, or SO_RCVBUF where the program sets it",
        commands=("sysctl -w net.ipv4.tcp_rmem='4096 131072 33554432'",),
        price="memory for each connection; helps with bursts only",
        risk="low",
        check="no window of 0 in a capture",
        undo=("sysctl -w net.ipv4.tcp_rmem='FORMER_VALUES'",),
    ),
)
_NEXT: Final = (
    Step(
        text="In mid-stall, see what waits unread and what the receiver does.",
        commands=("ss -tinom", "strace -f -ttt -T -yy -p PID_OF_THE_RECEIVER"),
    ),
)
