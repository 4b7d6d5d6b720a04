"""The server took that long: the request arrived and was acknowledged, then nothing until the answer came.

Not the network's doing, and the first thing to rule out before blaming it. What tells is the side of the server: the
gap has the same length at the point nearest to it, and nothing was repeated in it. Where a proxy ends the client's
connection, the one it goes on with tells whether the server behind it was slow, or the proxy itself.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from lastseen.faults.facts import ConversationFacts, Facts
from lastseen.faults.weighing import Account, Contradicted, Fact, Observed, Unknown, holds, weigh
from lastseen.matching.related import related_text
from lastseen.tables.counted import counted
from lastseen.tables.judgements import Judgement, Reason, Refuted, Remedy, Step, Untestable
from lastseen.tables.points import source_of

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "slow_server"
TITLE: Final = "the server takes that long to answer"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "listen_overflow": "there SYNs go unanswered as well and ListenOverflows rises: the program does not accept",
    "nagle_delayed_ack": "there the wait is one delayed acknowledgment long, 40 or 200 ms",
}
STALL: Final = "waiting_for_data"
_FOR_AN_ANSWER: Final = frozenset({"waited", "waited_for_data", "waited_for_eof"})
FEWEST_STEPS: Final = 3
"""Packets of a connection that follow each other in number show that they are numbered for themselves."""
_HALF: Final = 1 << 31
"""Sequence numbers further ahead than this are behind (RFC 9293, 3.4)."""
_IDENTIFICATIONS: Final = 1 << 16
_ONE_PACKET_BYTES: Final = 1460
"""A larger one is several, merged by offload, and has used several numbers."""
SAME_GAP_NS: Final = 50_000_000
"""The gap at two points differs by the jitter of one round trip only."""


def judge(facts: Facts) -> Judgement:
    """Supported where an acknowledged request was answered late and the gap is the server's own."""
    waiting = [c for c in facts.stalled() if c.stall == STALL]
    return weigh(SLUG, (_waited(c, facts) for c in waiting), otherwise=_otherwise(facts))


def _otherwise(facts: Facts) -> Judgement:
    if not facts.conversations:
        return Untestable(fault=SLUG, missing=("a capture of the connection, best near the server",))
    text = "no connection waited for an answer to an acknowledged request"
    return Refuted(fault=SLUG, against=(Reason(text=text, source=None),))


def _waited(conversation: ConversationFacts, facts: Facts) -> Account:
    """Of a connection that goes on behind a proxy: who of the two let it wait."""
    account, behind = _account(conversation, facts), facts.behind(conversation)
    if behind is None:
        return account
    related, back = behind
    waited_ns = related.back_wait_ns
    if waited_ns is not None and waited_ns + SAME_GAP_NS < conversation.stall_ns:
        return _at_the_proxy(account, (conversation, back), facts, waited_ns)
    asked = source_of(facts.matching.points[related.back_point], related.back_row)
    of_server = _account(back, facts)
    text = f"behind, {back.text} {'waited for an answer, too' if back.stall == STALL else 'waited for something else'}"
    waited = holds(back.stall == STALL, Reason(text=text, source=back.stall_source))
    return replace(
        of_server,
        required=(waited, *of_server.required, _nothing_lost(conversation)),
        refuting=(*of_server.refuting, *account.refuting),
        agreeing=account.agreeing,
        context=(Reason(text=related_text(facts.matching, related), source=asked),),
        summary=f"{of_server.summary}; the client waited for it on {conversation.text}",
    )


def _at_the_proxy(
    account: Account, pair: tuple[ConversationFacts, ConversationFacts], facts: Facts, waited_ns: int
) -> Account:
    """The server behind had answered long before, `waited_ns` after it was asked: what lies between held it back."""
    conversation, back = pair
    names = [facts.matching.points[p].name for p in (conversation.seen_at[0], back.seen_at[-1])]
    proxy = f"what lies between {names[0]} and {names[1]}"
    return replace(
        account,
        summary=f"{proxy} held the answer back: on {back.text} the server answered after {waited_ns / 1e9:.2f} s, on"
        f" {conversation.text} the client waited {conversation.stall_ns / 1e9:.2f} s",
        component=f"{proxy}: it had the server's answer",
    )


def _account(conversation: ConversationFacts, facts: Facts) -> Account:
    waited_s = conversation.stall_ns / 1e9
    return Account(
        required=(
            _nothing_lost(conversation),
            _answered(conversation, facts),
            _gap_at_the_server(conversation, facts),
        ),
        refuting=(*_was_reset(conversation, facts), *_lost_before(conversation, facts)),
        agreeing=_felt(conversation, facts),
        summary=f"the request on {conversation.text} arrived and was acknowledged at once; the server's answer came "
        f"{waited_s:.2f} s later",
        component="the server, or what it waits for",
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _nothing_lost(conversation: ConversationFacts) -> Fact:
    lost = conversation.lost_packets
    text = (
        f"{counted(lost, 'packet of the connection', 'were')} lost"
        if lost
        else "no packet of the connection was lost"
    )
    return holds(not lost, Reason(text=text, source=conversation.stall_source))


def _answered(conversation: ConversationFacts, facts: Facts) -> Fact:
    """The answer came in the end; where it never did, a lost answer cannot be told from a slow one."""
    track = facts.near_client(conversation)
    ended_ns = conversation.stall_from_ns + conversation.stall_ns
    after = track.only(
        ~track.from_client & (track.of("payload_len") > 0) & (track.times_ns >= ended_ns - SAME_GAP_NS)
    )
    if not len(after):
        return Unknown(missing="the answer itself: the captures end before it, or it never came")
    text = f"the answer came after {conversation.stall_ns / 1e9:.2f} s and was not a repetition"
    return Observed(reason=Reason(text=text, source=after.source()))


def _gap_at_the_server(conversation: ConversationFacts, facts: Facts) -> Fact:
    """The point nearest the server shows the same silence: the answer was not held up behind it."""
    near = facts.near_remote(conversation)
    name = near.point.name
    asked = near.only(near.from_client & (near.of("payload_len") > 0))
    answers = near.only(~near.from_client & (near.of("payload_len") > 0))
    gaps = [
        int(at) - int(before[-1])
        for at in answers.times_ns
        if len(before := asked.times_ns[asked.times_ns <= at])
    ]
    if not gaps:
        return Unknown(missing=f"an answer at {name}, nearest the server")
    longest = max(gaps)
    text = f"at {name}, nearest the server, the answer also comes {longest / 1e9:.2f} s after the request"
    if longest + SAME_GAP_NS < conversation.stall_ns:
        text = f"at {name}, nearest the server, the answer comes {longest / 1e9:.2f} s after the request"
        return Contradicted(reason=Reason(text=text, source=conversation.stall_source))
    return Observed(reason=Reason(text=text, source=conversation.stall_source))


def _lost_before(conversation: ConversationFacts, facts: Facts) -> tuple[Fact, ...]:
    """That what the server sent meanwhile never got to the point nearest to it: then the wait is a loss beyond it.

    What ends the silence fills a hole; or the server, which numbers the packets of a connection one by one (Linux
    __ip_select_ident(), the socket's inet_id), had used numbers in between.
    """
    near = facts.near_remote(conversation)
    sent = near.only(~near.from_client)
    if len(sent) < 2:  # noqa: PLR2004 - a silence lies between two packets
        return ()
    at = int(np.argmax(np.diff(sent.times_ns)))
    source = sent.source(at + 1)
    starts = (sent.of("tcp_seq") - sent.of("tcp_seq")[0] + _HALF) % (2 * _HALF) - _HALF
    ends = starts + sent.of("payload_len")
    if sent.of("payload_len")[at + 1] and starts[at + 1] + 1 < ends[: at + 1].max():
        text = (
            f"what ends the silence at {near.point.name} fills a hole: it had been sent before, and was lost"
        )
        return (Observed(reason=Reason(text=text, source=source)),)
    steps = np.diff(sent.of("ip_id")) % _IDENTIFICATIONS
    told = (
        bool((sent.of("ip_id")[at : at + 2] > 0).all())
        and int(sent.of("payload_len")[at]) <= _ONE_PACKET_BYTES
    )
    one_by_one = np.count_nonzero(steps == 1) >= FEWEST_STEPS
    if told and one_by_one and 1 < steps[at] < _IDENTIFICATIONS // 2:
        text = f"{counted(steps[at] - 1, 'packet')} that the server sent meanwhile never got to {near.point.name}"
        return (Observed(reason=Reason(text=f"{text} (IP identification)", source=source)),)
    return ()


def _was_reset(conversation: ConversationFacts, facts: Facts) -> tuple[Fact, ...]:
    """A reset at the client's point before the answer: then nobody waited any more, and the reset is the matter."""
    track = facts.near_client(conversation)
    ended_ns = conversation.stall_from_ns + conversation.stall_ns
    resets = track.only(track.flags("R") & (track.times_ns < ended_ns))
    if not len(resets):
        return ()
    text = "the connection was reset before the answer came"
    return (Observed(reason=Reason(text=text, source=resets.source())),)


def _felt(conversation: ConversationFacts, facts: Facts) -> tuple[Fact, ...]:
    """The client's own system calls: it waited for data on this connection, and data ended the wait."""
    for symptom in facts.symptoms:
        ends = [(end.address, end.port) for end in (symptom.local, symptom.peer) if end is not None]
        is_told = symptom.peer is not None and (symptom.local is not None or symptom.fd >= 0)
        mine = is_told and conversation.endpoints.issuperset(ends)
        if mine and symptom.kind in _FOR_AN_ANSWER and symptom.ended_by == "data" and symptom.waited_ns:
            text = f"{symptom.call} waited {symptom.waited_ns / 1e9:.2f} s on this connection until data came"
            source = symptom.sources[0] if symptom.sources else None
            return (Observed(reason=Reason(text=text, source=source)),)
    return (
        Unknown(missing="the server's log with the duration of each request, or the client's system calls"),
    )


_REMEDIES: Final = (
    Remedy(
        title="Find what the server waits for",
        where="the server: its request log with durations, a profiler, the database or service behind it",
        commands=(),
        price="work",
        risk="none",
        check="the answer follows the request at once in a capture",
        undo=(),
    ),
)
_NEXT: Final = (
    Step(
        text="See what the server does meanwhile, at the time of the request.",
        commands=("strace -f -ttt -T -yy -p PID_OF_THE_WORKER",),
    ),
)
