"""The receiver discards segments whose timestamp is older than the last one it accepted (PAWS).

RFC 7323, 5: such a segment is taken for a leftover of long ago, answered with a duplicate acknowledgment and thrown
away. It happens when a device between rewrites timestamps, or when two hosts are merged behind one tuple. Nothing is
lost on the way: everything is seen at the last point, and the acknowledgment stands still.
"""

from typing import Final

import numpy as np

from lastseen.faults.facts import ConversationFacts, Facts
from lastseen.faults.tracks import Track
from lastseen.faults.unanswered import rose, traced
from lastseen.faults.weighing import Account, Fact, Observed, holds, weigh
from lastseen.tables.counted import agreed, counted
from lastseen.tables.judgements import Judgement, Reason, Refuted, Remedy, Step, Untestable

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "paws_drop"
TITLE: Final = "the receiver discards segments with an older timestamp than it has seen"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "tw_recycle_nat": "there the SYNs of other hosts behind one address are ignored",
}
FEWEST: Final = 2
"""Reordering puts one older timestamp behind a newer one; PAWS spares it when its sequence number is old as well."""
_HALF: Final = 1 << 31


def judge(facts: Facts) -> Judgement:
    """Supported where a stalled sender's new data has older timestamps and the receiver answers the same number."""
    accounts = [
        account
        for conversation in facts.stalled()
        for track, client in _directions(facts, conversation)
        if (account := _account(facts, conversation, track, client=client)) is not None
    ]
    return weigh(SLUG, accounts, otherwise=_otherwise(facts))


def _directions(
    facts: Facts, conversation: ConversationFacts
) -> tuple[tuple[Track, bool], tuple[Track, bool]]:
    """Each direction as the point nearest its receiver saw it."""
    return (facts.near_remote(conversation), True), (facts.near_client(conversation), False)


def _otherwise(facts: Facts) -> Judgement:
    if not facts.conversations:
        return Untestable(fault=SLUG, missing=("a capture near the receiver",))
    text = "no stalled connection received data with timestamps older than before"
    return Refuted(fault=SLUG, against=(Reason(text=text),))


def _old(track: Track, *, client: bool) -> Track:
    """Segments of one side whose timestamp is below the highest before them, with data not seen before."""
    mine = track.only((track.from_client == client) & (track.of("tcp_tsval") >= 0) & ~track.flags("R"))
    value, seq = mine.of("tcp_tsval"), mine.of("tcp_seq")
    old, newest, furthest = np.zeros(len(mine), np.bool_), -1, -1
    for i in range(len(mine)):
        behind = newest >= 0 and 0 < (newest - int(value[i])) % (1 << 32) < _HALF
        new_data = furthest < 0 or (int(seq[i]) - furthest) % (1 << 32) < _HALF
        old[i] = behind and new_data and (mine.of("payload_len")[i] > 0 or bool(mine.flags("F")[i]))
        if not behind:
            newest = int(value[i])
            furthest = max(furthest, int(seq[i])) if furthest >= 0 else int(seq[i])
    return mine.only(old)


def _account(facts: Facts, conversation: ConversationFacts, track: Track, *, client: bool) -> Account | None:
    old = _old(track, client=client)
    if len(old) < FEWEST:
        return None
    text = (
        f"{counted(len(old), 'segment')} at {track.point.name} {agreed(len(old), 'carry')} new data with "
        "a timestamp older than the one before"
    )
    return Account(
        required=(
            Observed(reason=Reason(text=text, source=old.source())),
            _unmoved(track, old, client=client),
        ),
        agreeing=(
            rose(
                facts, "nstat", "TcpExtPAWSEstab", what="the receiver's count of segments with old timestamps"
            ),
            traced(facts, "TCP_RFC7323_PAWS"),
        ),
        telling=True,
        summary=f"data of {conversation.text} arrives at {track.point.name} with timestamps older than before, and its "
        "receiver discards it",
        component="whatever rewrites timestamps, or merges two hosts behind one address and port",
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _unmoved(track: Track, old: Track, *, client: bool) -> Fact:
    """The receiver answered, and acknowledged nothing of it."""
    answers = track.only(
        (track.from_client != client)
        & (track.times_ns > old.times_ns[0])
        & track.flags("A")
        & ~track.flags("R")
    )
    acked = answers.of("tcp_ack")
    beyond = (acked - int(old.of("tcp_seq")[0]) - 1) % (1 << 32) < _HALF
    text = f"the receiver answered {counted(len(answers), 'time')} and acknowledged nothing of them"
    return holds(len(answers) > 0 and not beyond.any(), Reason(text=text, source=old.source()))


_REMEDIES: Final = (
    Remedy(
        title="Mend what rewrites the timestamps or merges the hosts",
        where="the load balancer, NAT or firewall between the two ends",
        commands=(),
        price="work",
        risk="none",
        check="timestamps of one direction only rise",
        undo=(),
    ),
    Remedy(
        title="Do without timestamps at the receiver",
        where="the receiver, for all its connections",
        commands=("sysctl -w net.ipv4.tcp_timestamps=0",),
        price="no measured round trips, no protection against wrapped sequence numbers",
        risk="segments become short enough to be padded: see ovs_conntrack_padding",
        check="the SYN-ACK has no timestamp option and the transfer goes on",
        undo=("sysctl -w net.ipv4.tcp_timestamps=1",),
    ),
)
_NEXT: Final = (
    Step(
        text="On the receiver, before and after one more request:",
        commands=("nstat -az TcpExtPAWSEstab TcpExtTCPACKSkippedPAWS",),
    ),
)
