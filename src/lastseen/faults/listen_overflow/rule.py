"""The server's accept queue is full: SYNs, or the last acknowledgments of handshakes, are dropped by its kernel.

tcp_v4_syn_recv_sock() and tcp_conn_request() refuse when sk_acceptq_is_full() and count ListenOverflows (Linux
net/ipv4/tcp_ipv4.c, tcp_input.c); the client repeats its SYN, or believes itself connected while the
server repeats its SYN-ACK.
"""

from collections.abc import Iterator
from typing import Final

from lastseen.faults.facts import ConversationFacts, Facts
from lastseen.faults.tracks import Track
from lastseen.faults.unanswered import rose, traced, unanswered_syns
from lastseen.faults.weighing import Account, Fact, Observed, Unknown, first_observed, weigh
from lastseen.tables.counted import counted
from lastseen.tables.judgements import Judgement, Reason, Refuted, Remedy, Step, Untestable

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "listen_overflow"
TITLE: Final = "the server's accept queue is full, so it drops new connections"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "syn_cookies": "there the queue of half-open connections is full: SyncookiesSent rises",
    "firewall_deny": "there a rule of the server was hit, and ListenOverflows stands still",
}
FEWEST_REPEATS: Final = 2
"""A SYN-ACK that crosses the acknowledgment on its way may be repeated once."""
_WHAT: Final = "the server's count of full accept queues"


def judge(facts: Facts) -> Judgement:
    """Supported where handshakes arrive at the server, are not completed there, and its kernel counts overflows."""
    overflow = _overflow(facts)
    accounts = [_account(seen, text, overflow) for seen, text in _ignored(facts)]
    return weigh(SLUG, accounts, otherwise=_otherwise(facts))


def _ignored(facts: Facts) -> Iterator[tuple[Reason, str]]:
    for found in unanswered_syns(facts):
        yield found.reason, found.conversation.text
    for conversation in facts.in_focus():
        repeats = _repeated_although_answered(facts, conversation)
        if len(repeats) >= FEWEST_REPEATS:
            text = (
                f"the server repeated its SYN-ACK {counted(len(repeats), 'time')} although the client's "
                "acknowledgment had "
                f"reached {repeats.point.name}"
            )
            yield Reason(text=text, source=repeats.source()), conversation.text


def _repeated_although_answered(facts: Facts, conversation: ConversationFacts) -> Track:
    """SYN-ACKs at the point nearest the server that came after the acknowledgment of the first."""
    track = facts.near_remote(conversation)
    acknowledged = track.only(track.from_client & track.flags("A") & ~track.flags("S"))
    answers = track.only(~track.from_client & track.flags("SA"))
    if not len(acknowledged):
        return answers.only(answers.times_ns < 0)
    return answers.only(answers.times_ns > acknowledged.times_ns[0])


def _overflow(facts: Facts) -> tuple[Fact, ...]:
    queues = [
        s for s in facts.sockets if s.state == "LISTEN" and (s.recv_q_bytes or 0) > (s.send_q_bytes or 0) > 0
    ]
    full: Fact = Unknown(missing="ss -ltn on the server while it happens (Recv-Q above Send-Q)")
    if queues:
        text = f"{queues[0].recv_q_bytes} connections wait to be accepted, {queues[0].send_q_bytes} may"
        full = Observed(reason=Reason(text=text, source=queues[0].source))
    return (
        rose(facts, "nstat", "TcpExtListenOverflows", what=_WHAT),
        full,
        traced(facts, "TCP_LISTEN_OVERFLOW"),
    )


def _account(seen: Reason, connection: str, overflow: tuple[Fact, ...]) -> Account:
    told = first_observed(overflow)
    return Account(
        required=(Observed(reason=seen), told),
        agreeing=overflow,
        summary=f"handshakes reach the server of {connection} and are not completed: its accept queue is full",
        component="the server's listening socket (backlog), or the program that accepts too slowly",
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _otherwise(facts: Facts) -> Judgement:
    if not facts.conversations:
        return Untestable(fault=SLUG, missing=("a capture at the server",))
    text = "no handshake that reached the last point before the server was left open"
    return Refuted(fault=SLUG, against=(Reason(text=text),))


_REMEDIES: Final = (
    Remedy(
        title="Give the listening socket a longer queue",
        where="the server: the backlog its program asks for, and net.core.somaxconn, which limits it",
        commands=("sysctl -w net.core.somaxconn=4096",),
        price="memory for waiting connections; the program has to be restarted to listen anew",
        risk="none",
        check="ss -ltn shows the new Send-Q, and ListenOverflows stands still",
        undo=("sysctl -w net.core.somaxconn=FORMER_VALUE",),
    ),
    Remedy(
        title="Accept faster",
        where="the server's program: more workers, no blocking work before accept()",
        commands=(),
        price="a change in the program",
        risk="none",
        check="Recv-Q of the listening socket stays near 0",
        undo=(),
    ),
)
_NEXT: Final = (
    Step(
        text="On the server, before and after one more request:",
        commands=("nstat -az TcpExtListenOverflows TcpExtListenDrops", "ss -ltn"),
    ),
)
