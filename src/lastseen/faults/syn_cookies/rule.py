"""The queue of half-open connections is full, and SYN cookies answer in its stead: options are lost with it.

A cookie has no room for TCP options; without timestamps the connection has no window scaling and no SACK (RFC 4987,
3.6; Linux net/ipv4/syncookies.c). Nothing is lost on the way. The kernel says "Possible SYN flooding" once per port
and counts.
"""

from collections.abc import Iterator
from typing import Final

from lastseen.faults.counting import logged
from lastseen.faults.facts import ConversationFacts, Facts
from lastseen.faults.unanswered import rose
from lastseen.faults.weighing import Account, Fact, Observed, first_observed, weigh
from lastseen.tables.judgements import Judgement, Reason, Refuted, Remedy, Step, Untestable

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "syn_cookies"
TITLE: Final = "SYN cookies answer for a full queue, and TCP options are lost"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "listen_overflow": "there finished connections wait to be accepted: ListenOverflows rises",
    "syn_flood": "the flood is the cause; the cookies are the server's answer to it",
    "window_scale_stripped": "there the option is removed between two points",
}


def judge(facts: Facts) -> Judgement:
    """Supported where a server that sends cookies leaves out options it otherwise offers."""
    told = (
        rose(
            facts,
            "nstat",
            "TcpExtSyncookiesSent",
            "TcpExtTCPReqQFullDoCookies",
            what="the count of cookies sent",
        ),
        logged(facts, "syn_flooding", None, "the kernel sends cookies"),
    )
    accounts = [_account(bare, rich, told, facts) for bare, rich in _pairs(facts)]
    return weigh(SLUG, accounts, otherwise=_otherwise(facts))


def _pairs(facts: Facts) -> Iterator[tuple[ConversationFacts, ConversationFacts]]:
    """A connection whose SYN-ACK lacks what the SYN offered, and one to the same server whose SYN-ACK has it."""
    seen: dict[tuple[str, bool], ConversationFacts] = {}
    for conversation in facts.in_focus():
        track = facts.near_remote(conversation)
        syns = track.only(track.from_client & track.flags("S") & (track.of("tcp_wscale") >= 0))
        answers = track.only(~track.from_client & track.flags("SA"))
        if len(syns) and len(answers):
            server = conversation.text.rpartition(" > ")[2]
            seen.setdefault((server, bool((answers.of("tcp_wscale") >= 0).all())), conversation)
    for (server, scaled), conversation in seen.items():
        if not scaled and (server, True) in seen:
            yield conversation, seen[server, True]


def _account(
    bare: ConversationFacts, rich: ConversationFacts, told: tuple[Fact, ...], facts: Facts
) -> Account:
    track = facts.near_remote(bare)
    answer = track.only(~track.from_client & track.flags("SA"))
    text = (
        f"the SYN-ACK of {bare.text} has no window scaling though the client offered it; that of {rich.text}, from the "
        "same server, has"
    )
    cookies = first_observed(told)
    return Account(
        required=(Observed(reason=Reason(text=text, source=answer.source())), cookies),
        agreeing=told,
        summary=f"the server answers with SYN cookies: {bare.text} has no window scaling and no SACK",
        component="the server's queue of half-open connections",
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _otherwise(facts: Facts) -> Judgement:
    if not facts.conversations:
        return Untestable(fault=SLUG, missing=("a capture of several handshakes with the server",))
    text = "no server left out options that it offered to others"
    return Refuted(fault=SLUG, against=(Reason(text=text),))


_REMEDIES: Final = (
    Remedy(
        title="Find where the SYNs come from",
        where="the server: half-open connections by source",
        commands=("ss -tn state syn-recv | awk '{print $4}' | sort | uniq -c | sort -rn | head",),
        price="work",
        risk="none",
        check="SyncookiesSent stands still",
        undo=(),
    ),
    Remedy(
        title="Let more half-open connections wait",
        where="the server: tcp_max_syn_backlog, and the backlog its program asks for",
        commands=("sysctl -w net.ipv4.tcp_max_syn_backlog=8192",),
        price="memory",
        risk="none",
        check="SyncookiesSent stands still",
        undo=("sysctl -w net.ipv4.tcp_max_syn_backlog=FORMER_VALUE",),
    ),
)
_NEXT: Final = (
    Step(
        text="On the server:",
        commands=(
            "nstat -az TcpExtSyncookiesSent TcpExtTCPReqQFullDoCookies",
            "ss -tn state syn-recv | wc -l",
        ),
    ),
)
