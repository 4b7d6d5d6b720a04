"""A device moves sequence numbers and leaves SACK blocks as they are, so that the sender is told of data it never sent.

Firewalls that randomise initial sequence numbers add a constant to one end's numbers and take it off the other's
acknowledgments. The blocks of selective acknowledgments (RFC 2018, 3) hold sequence numbers as well; Cisco says of its
own that randomisation "breaks" SACK. A sender ignores blocks outside what it has sent (Linux net/ipv4/tcp_input.c,
tcp_is_sackblock_valid), counts no duplicate acknowledgment either, and waits for its timer.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.faults.counting import counter_rose
from lastseen.faults.facts import ConversationFacts, Facts
from lastseen.faults.tracks import Track
from lastseen.faults.weighing import Account, Fact, first_observed, holds, weigh
from lastseen.tables.counted import counted
from lastseen.tables.judgements import Judgement, Reason, Refuted, Remedy, Step, Untestable

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "sequence_rewrite_sack"
TITLE: Final = "a device moves sequence numbers and not SACK blocks, so losses are repaired by a timer"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "sack_stripped": "there the option is missing behind the device, so no blocks come at all",
    "random_loss": "both are true: that says where packets are lost, this why each loss takes so long",
}
TIMER_NS: Final = 200_000_000
"""A sender's shortest retransmission timer (TCP_RTO_MIN, Linux include/net/tcp.h)."""
UNKNOWN_RTT_NS: Final = 1_000_000_000
"""TCP's first timeout (RFC 6298, 2.1), where no handshake shows how long a round trip takes."""
_NUMBERS: Final = 1 << 32
_COUNTERS: Final = ("TcpExtTCPSACKDiscard", "TcpExtTCPDSACKIgnoredOld", "TcpExtTCPDSACKIgnoredNoUndo")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Moved:
    """Acknowledgments with SACK blocks on both sides of a hop that moves their numbers by `by`.

    `acks`: at the point before, `behind`: the same packets behind it. `track`: all of the connection behind it.
    """

    conversation: ConversationFacts
    hop: int
    by: int
    acks: Track = field(repr=False)
    behind: Track = field(repr=False)
    track: Track = field(repr=False)


def judge(facts: Facts) -> Judgement:
    """Supported where acknowledgments are renumbered without their blocks, and losses waited for a timer."""
    return weigh(SLUG, (_account(moved, facts) for moved in _moved(facts)), otherwise=_otherwise(facts))


def _otherwise(facts: Facts) -> Judgement:
    if any(len(c.seen_at) > 1 for c in facts.in_focus()):
        text = "no acknowledgment with SACK blocks has other numbers at the next point"
        return Refuted(fault=SLUG, against=(Reason(text=text),))
    return Untestable(fault=SLUG, missing=("captures on both sides of the device",))


def _moved(facts: Facts) -> Iterator[_Moved]:
    for conversation in facts.in_focus():
        for number, hop in enumerate(facts.matching.hops):
            up, down = (
                facts.tracks.of(conversation.number, point) for point in (hop.upstream, hop.downstream)
            )
            where = _places(down, hop.partner[up.rows])
            both = (up.of("tcp_sack_left") >= 0) & (hop.fate[up.rows] > 0) & (where >= 0)
            acks, behind = up.only(both), down.only(where[both])
            by = np.unique((behind.of("tcp_ack") - acks.of("tcp_ack")) % _NUMBERS)
            if len(by) == 1 and by[0]:
                yield _Moved(
                    conversation=conversation, hop=number, by=int(by[0]), acks=acks, behind=behind, track=down
                )


def _places(track: Track, rows: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """int64[n]: where in the track each packet row stands; -1: not in it."""
    order = np.argsort(track.rows)
    at = np.minimum(np.searchsorted(track.rows, rows, sorter=order), max(len(track) - 1, 0))
    if not len(track):
        return np.full(len(rows), -1, np.int64)
    found: npt.NDArray[np.int64] = np.where(track.rows[order[at]] == rows, order[at], -1)
    return found


def _account(moved: _Moved, facts: Facts) -> Account:
    before, after = moved.acks.point.name, moved.behind.point.name
    return Account(
        required=(_blocks_stay(moved), _waited(moved)),
        agreeing=(_ignored(facts),),
        summary=f"between {before} and {after} the numbers of {moved.conversation.text} are moved and its SACK blocks "
        "are not: the sender ignores them and repairs losses by its timer",
        component=f"a device between {before} and {after} that rewrites sequence numbers",
        hop=moved.hop,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _ignored(facts: Facts) -> Fact:
    """That a host counted blocks which fit nothing it had sent."""
    what = "a sender's count of SACK blocks it ignored"
    nodes = sorted({c.node for c in facts.counters if c.family == "nstat"})
    return first_observed(
        [counter_rose(facts, node, "nstat", _COUNTERS, what=what) for node in (*nodes, None)]
    )


def _blocks_stay(moved: _Moved) -> Fact:
    shift = (moved.behind.of("tcp_sack_left") - moved.acks.of("tcp_sack_left")) % _NUMBERS
    same = int((shift == 0).sum())
    signed = moved.by - _NUMBERS if moved.by > _NUMBERS // 2 else moved.by
    text = (
        f"acknowledgments leave the hop with numbers moved by {signed:,}, and {same} of {len(shift)} SACK blocks "
        "with the edges they came with"
    )
    return holds(same == len(shift), Reason(text=text, source=moved.behind.source()))


def _waited(moved: _Moved) -> Fact:
    """That what blocks had shown to be missing was sent again no sooner than a timer would, or not at all."""
    limit = max(TIMER_NS, 2 * _round_trip(moved.track))
    late = [wait for wait in _repairs(moved) if wait >= limit]
    worst = f", {max(late) / 1e9:.2f} s later at worst" if late else ""
    text = f"{counted(len(late), 'time')} what was reported missing was sent again by the sender's timer only{worst}"
    return holds(late, Reason(text=text, source=moved.behind.source()))


def _round_trip(track: Track) -> int:
    """From the first SYN to the acknowledgment that answers its answer, ns."""
    opened = np.flatnonzero(track.flags("S") & ~track.flags("A"))
    if not len(opened):
        return UNKNOWN_RTT_NS
    first = int(opened[0])
    answered = np.flatnonzero(
        ~track.flags("S") & track.flags("A") & (track.from_client == track.from_client[first])
    )
    return int(track.times_ns[answered[0]] - track.times_ns[first]) if len(answered) else UNKNOWN_RTT_NS


def _repairs(moved: _Moved) -> list[int]:
    """How long after the first block above a hole its first byte was sent again, ns, for each hole that was no detour.

    A hole that nobody fills lasts to the end of the capture.
    """
    numbers, first = np.unique(moved.behind.of("tcp_ack"), return_index=True)
    side = moved.behind.from_client[0]
    data = moved.track.only(moved.track.from_client != side)
    answers = moved.track.only((moved.track.from_client == side) & moved.track.flags("A"))
    waits = []
    for number, at in zip(numbers.tolist(), first.tolist(), strict=True):
        told = moved.behind.times_ns[at]
        again = data.times_ns[(data.of("tcp_seq") == number) & (data.times_ns > told)]
        filled = ((answers.of("tcp_ack") != number) & (answers.times_ns > told)).any()
        if len(again) or not filled:
            waits.append(int((again[0] if len(again) else moved.track.times_ns[-1]) - told))
    return waits


_REMEDIES: Final = (
    Remedy(
        title="Let the device leave sequence numbers alone",
        where="the firewall: for the traffic between these two ends",
        commands=("set connection random-sequence-number disable   # Cisco ASA, in the policy map's class",),
        price="a change of its configuration",
        risk="low: hosts with guessable numbers lose a protection that today's systems do not need",
        check="numbers are equal on both sides, and TCPSACKDiscard stands still",
        undo=("set connection random-sequence-number enable",),
    ),
    Remedy(
        title="Do without SACK towards there",
        where="one of the end hosts, for all its connections",
        commands=("sysctl -w net.ipv4.tcp_sack=0",),
        price="losses are repaired one a round trip",
        risk="low",
        check="TcpTimeouts rises more slowly",
        undo=("sysctl -w net.ipv4.tcp_sack=1",),
    ),
)
_NEXT: Final = (
    Step(
        text="Compare acknowledgments with SACK blocks on both sides of the device, in absolute numbers.",
        commands=(
            "tcpdump -S -ni DEVICE -vv 'tcp' | grep sack",
            "nstat -az TcpExtTCPSACKDiscard TcpExtTCPTimeouts   # on the sender",
        ),
    ),
)
