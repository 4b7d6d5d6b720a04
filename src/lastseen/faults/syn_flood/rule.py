"""A flood of SYNs fills the queue of half-open connections, and without SYN cookies honest SYNs are dropped.

tcp_conn_request() refuses a SYN when inet_csk_reqsk_queue_is_full() and no cookie may be sent: it counts
TCPReqQFullDrop and says "Possible SYN flooding on port N. Dropping request." once (Linux net/ipv4/tcp_input.c,
tcp_syn_flood_action; RFC 4987). Nothing is lost on the way: the SYN arrives and gets no answer.
"""

from typing import Final

from lastseen.faults.facts import Facts
from lastseen.faults.unanswered import UnansweredSyn, rose, unanswered_syns
from lastseen.faults.weighing import Account, Fact, Observed, Unknown, first_observed, weigh
from lastseen.tables.counted import agreed, counted
from lastseen.tables.judgements import Judgement, Reason, Refuted, Remedy, Step, Untestable

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "syn_flood"
TITLE: Final = "a flood of SYNs fills the server's queue of half-open connections"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "listen_overflow": "there finished handshakes wait to be accepted: ListenOverflows rises",
    "syn_cookies": "there cookies are sent, and every SYN is answered",
}
FEWEST_HALF_OPEN: Final = 16
"""Fewer half-open connections than the smallest queue anybody configures are no flood."""


def judge(facts: Facts) -> Judgement:
    """Supported where SYNs stay unanswered at a server that others left half open, and that counts a full queue."""
    accounts = [_account(found, facts) for found in unanswered_syns(facts)]
    return weigh(SLUG, accounts, otherwise=_otherwise(facts))


def _otherwise(facts: Facts) -> Judgement:
    if not facts.conversations:
        return Untestable(fault=SLUG, missing=("a capture at the server",))
    return Refuted(fault=SLUG, against=(Reason(text="no SYN that reached the server was ignored"),))


def _account(found: UnansweredSyn, facts: Facts) -> Account:
    flood, dropped = _half_open(found, facts), _dropped(facts)
    server = found.conversation.text.rpartition(" > ")[2]
    return Account(
        required=(Observed(reason=found.reason), flood, dropped),
        agreeing=(dropped,),
        telling=isinstance(flood, Observed),
        summary=f"SYNs of {found.conversation.text} are dropped: half-open connections fill the queue of {server}",
        component=f"the queue of half-open connections of {server}",
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _half_open(found: UnansweredSyn, facts: Facts) -> Fact:
    """Many connections to the same server were begun and never finished by their client."""
    server = found.conversation.text.rpartition(" > ")[2]
    same = [
        c
        for c in facts.conversations
        if c.text.rpartition(" > ")[2] == server and c is not found.conversation
    ]
    begun, finished = 0, 0
    for conversation in same:
        track = facts.near_remote(conversation)
        begun += bool((track.from_client & track.flags("S")).any())
        finished += bool((track.from_client & track.flags("A") & ~track.flags("R")).any())
    if begun - finished < FEWEST_HALF_OPEN:
        return Unknown(
            missing=f"a capture with the flood: {counted(begun - finished, 'connection')} to {server} stayed half open"
        )
    text = (
        f"{begun - finished} of {begun} other connections to {server} {agreed(begun - finished, 'were')} "
        "begun and never finished by their client"
    )
    return Observed(reason=Reason(text=text, source=found.syns.source()))


def _dropped(facts: Facts) -> Fact:
    """The server says that it dropped SYNs for a full queue: the counter, or the log."""
    lines = [j for j in facts.lines("syn_flooding") if "Dropping" in j.line.text]
    log: Fact = Unknown(missing="the server's log of that time (Possible SYN flooding ... Dropping request)")
    if lines:
        text = f'the kernel says "{lines[0].line.reason}"'
        log = Observed(reason=Reason(text=text, source=lines[0].line.source))
    count = rose(facts, "nstat", "TcpExtTCPReqQFullDrop", what="the count of SYNs dropped for a full queue")
    return first_observed((count, log))


_REMEDIES: Final = (
    Remedy(
        title="Answer with SYN cookies when the queue is full",
        where="the server, in the network namespace of the listening socket",
        commands=("sysctl -w net.ipv4.tcp_syncookies=1",),
        price="connections opened that way have fewer TCP options",
        risk="low",
        check="nstat -az TcpExtTCPReqQFullDrop stands still, TcpExtSyncookiesSent rises",
        undo=("sysctl -w net.ipv4.tcp_syncookies=FORMER_VALUE",),
    ),
    Remedy(
        title="Let more half-open connections wait",
        where="the server; the program's backlog limits it as well",
        commands=("sysctl -w net.ipv4.tcp_max_syn_backlog=8192",),
        price="memory",
        risk="low: a flood of any size fills any queue",
        check="nstat -az TcpExtTCPReqQFullDrop rises less",
        undo=("sysctl -w net.ipv4.tcp_max_syn_backlog=FORMER_VALUE",),
    ),
    Remedy(
        title="Stop the flood in front of the server",
        where="the firewall or provider: a limit for SYNs, filters for sources that cannot be real",
        commands=("ss -tn state syn-recv | awk '{print $4}' | sort | uniq -c | sort -rn | head",),
        price="work",
        risk="medium: honest clients may be hit",
        check="few connections in syn-recv",
        undo=("the former rules",),
    ),
)
_NEXT: Final = (
    Step(
        text="On the server: who is half open, and what is counted.",
        commands=(
            "ss -tn state syn-recv | wc -l",
            "nstat -az TcpExtTCPReqQFullDrop TcpExtTCPReqQFullDoCookies TcpExtListenOverflows",
            "sysctl net.ipv4.tcp_syncookies net.ipv4.tcp_max_syn_backlog",
        ),
    ),
)
