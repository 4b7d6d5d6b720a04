"""Nagle's algorithm waits for an acknowledgment that the other side delays.

A program writes a request in two pieces; the second small one may not leave before the first is acknowledged (RFC
9293, 3.7.4), and the receiver holds the acknowledgment back for 40 ms (Linux TCP_DELACK_MIN) or 200 ms (Windows;
RFC 9293 allows 500). Each exchange costs that much; nothing is lost.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.faults.facts import ConversationFacts, Facts
from lastseen.faults.tracks import Track
from lastseen.faults.weighing import Account, Fact, Observed, Unknown, weigh
from lastseen.tables.counted import counted
from lastseen.tables.judgements import Judgement, Reason, Refuted, Remedy, Step, Untestable

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "nagle_delayed_ack"
TITLE: Final = "Nagle's algorithm waits for delayed acknowledgments"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "slow_server": "there the wait has any length and ends with data, not with an acknowledgment",
}
FEWEST: Final = 8
"""A few acknowledgments are late for other reasons; eight of one connection at the same timer are not."""
TIMERS_NS: Final = ((38_000_000, 52_000_000), (180_000_000, 225_000_000))
"""40 ms and 200 ms with their slack (Linux include/net/tcp.h; Windows TcpAckFrequency)."""
AT_ONCE_NS: Final = 5_000_000
"""The held back segment leaves as soon as the acknowledgment is there."""
NEAR_NS: Final = 15_000_000
"""A round trip well below the shorter timer: what takes longer is then the receiver's waiting."""
SMALL_BYTES: Final = 1200
"""Nagle holds back what is less than a full segment."""


def judge(facts: Facts) -> Judgement:
    """Supported where small segments leave each time just after an acknowledgment that took the delay's time."""
    accounts = [a for c in facts.in_focus() if (a := _account(c, facts)) is not None]
    return weigh(SLUG, accounts, otherwise=_otherwise(facts))


def _otherwise(facts: Facts) -> Judgement:
    if not facts.conversations:
        return Untestable(fault=SLUG, missing=("a capture at the sender",))
    text = "no connection waits for delayed acknowledgments again and again"
    return Refuted(fault=SLUG, against=(Reason(text=text),))


def _account(conversation: ConversationFacts, facts: Facts) -> Account | None:
    """None: too few such waits on this connection, or a path so long that any acknowledgment takes as long."""
    for client in (True, False):
        track = facts.near_remote(conversation) if client else facts.near_client(conversation)
        waits = _waits(track, client=client)
        if len(waits) >= FEWEST and _near(track, client=client):
            total = sum(int(track.times_ns[i] - track.times_ns[i - 1]) for i in waits) / 1e9
            text = (
                f"{counted(len(waits), 'time')} a small segment left just after an acknowledgment held back "
                f"by a timer; {total:.2f} s"
            )
            side = "client" if client else "server"
            return Account(
                required=(Observed(reason=Reason(text=text, source=track.source(int(waits[0])))),),
                agreeing=(_delayed(facts, len(waits)),),
                summary=f"{conversation.text}: the {side} writes in small pieces and waits "
                f"{counted(len(waits), 'time')} for a delayed acknowledgment ({total:.2f} s in all)",
                component=f"the {side}'s program, which writes in small pieces",
                remedies=_REMEDIES,
                next=_NEXT,
            )
    return None


def _near(track: Track, *, client: bool) -> bool:
    """Whether the receiver answers this point fast when it does not wait: by its part of the handshake."""
    asked = track.only((track.from_client == client) & track.flags("S"))
    answer = track.only((track.from_client != client) & track.flags("A"))
    after = answer.times_ns[answer.times_ns >= asked.times_ns[0]] if len(asked) else answer.times_ns[:0]
    return len(after) > 0 and int(after[0] - asked.times_ns[-1]) < NEAR_NS


def _delayed(facts: Facts, waits: int) -> Fact:
    """That a host counted as many delayed acknowledgments."""
    delta = facts.counter_delta("nstat", "TcpExtDelayedACKs", None)
    if delta is not None and delta.value >= waits:
        text = f"{counted(delta.value, 'delayed acknowledgment', 'were')} counted (TcpExtDelayedACKs)"
        return Observed(reason=Reason(text=text, source=delta.after))
    return Unknown(missing="nstat TcpExtDelayedACKs of the receiver, before and after")


def _waits(track: Track, *, client: bool) -> npt.NDArray[np.int64]:
    """Indices of bare acknowledgments that came a timer's time after a small segment and let the next one go."""
    size, times = track.of("payload_len"), track.times_ns
    mine = track.from_client == client
    gap = np.diff(times, prepend=times[:1])
    late = np.zeros(len(track), np.bool_)
    for low, high in TIMERS_NS:
        late |= (gap >= low) & (gap <= high)
    bare = ~mine & (size == 0) & track.flags("A") & ~track.flags("F") & ~track.flags("R") & ~track.flags("S")
    before = np.concatenate([[False], (mine & (size > 0) & (size < SMALL_BYTES))[:-1]])
    after = np.concatenate([(mine & (size > 0) & (size < SMALL_BYTES) & (gap <= AT_ONCE_NS))[1:], [False]])
    return np.flatnonzero(bare & late & before & after)


_REMEDIES: Final = (
    Remedy(
        title="Write a message in one piece, or switch Nagle's algorithm off",
        where="the program that writes: one write, or TCP_NODELAY on its socket",
        commands=(),
        price="a change in the program",
        risk="none",
        check="no pauses of 40 or 200 ms in a capture",
        undo=("without TCP_NODELAY",),
    ),
    Remedy(
        title="Let the receiver acknowledge at once",
        where="the receiver: TCP_QUICKACK on its socket, or a route with quickack",
        commands=("ip route change default via GATEWAY quickack 1",),
        price="more acknowledgments",
        risk="low",
        check="no pauses of 40 or 200 ms in a capture",
        undo=("ip route change default via GATEWAY quickack 0",),
    ),
)
_NEXT: Final = (
    Step(
        text="See how the program writes.",
        commands=("strace -f -ttt -e trace=write,sendto,setsockopt -p PID",),
    ),
)
