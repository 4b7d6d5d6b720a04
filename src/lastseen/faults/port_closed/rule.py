"""Nothing listens on the port: the server's own stack refuses the attempt.

A look-alike of a firewall that rejects, and not the network's doing. TCP answers a SYN for a closed port by a reset
(RFC 9293, 3.10.7.1), UDP by ICMP "port unreachable" from the address itself (RFC 1122, 4.1.3.1). Rules that reject
write the same packets, so the packets alone never tell: the server's list of sockets does.
"""

from typing import Final

from lastseen.faults.facts import Facts
from lastseen.faults.refusals import PORT, RESET, TCP, Refusal, nothing_listens, refusals
from lastseen.faults.rejecting import rejecting_rule
from lastseen.faults.weighing import Account, Fact, Observed, weigh
from lastseen.tables.judgements import Judgement, Reason, Refuted, Remedy, Step, Untestable

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "port_closed"
TITLE: Final = "nothing listens on the port, and the server refuses"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "firewall_deny": "there a rule rejects; without rules and sockets of the server the two look the same",
    "reset_injected": "there a point nearer the server does not have the reset",
}


def judge(facts: Facts) -> Judgement:
    """Supported where the server refused and its own sockets show that nothing listens there."""
    found = refusals(facts)
    mine = [r for r in found if r.own and (r.kind == RESET or (r.kind == PORT and r.proto != TCP))]
    return weigh(SLUG, (_account(r, found, facts) for r in mine), otherwise=_otherwise(facts))


def _otherwise(facts: Facts) -> Judgement:
    if not facts.conversations:
        return Untestable(fault=SLUG, missing=("a capture of the attempt",))
    return Refuted(fault=SLUG, against=(Reason(text="no attempt was refused as a closed port refuses"),))


def _account(refusal: Refusal, others: list[Refusal], facts: Facts) -> Account:
    closed = nothing_listens(refusal, facts)
    return Account(
        required=(Observed(reason=refusal.reason), closed),
        agreeing=(closed,),
        refuting=(rejecting_rule(refusal, others, facts), *_sent_elsewhere(refusal, facts)),
        telling=not facts.losses() and not facts.stalled(),
        general=True,
        summary=f"{refusal.text} was refused: nothing listens on port {refusal.server.port} of the server",
        component="the server: the program that should listen",
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _sent_elsewhere(refusal: Refusal, facts: Facts) -> tuple[Fact, ...]:
    """A point nearer the server has the attempt and not the refusal, or certainly lost the attempt."""
    source = refusal.answers.source()
    if refusal.behind is not None:
        text = f"{refusal.behind.name}, nearer the server, saw the attempt and no refusal"
        return (Observed(reason=Reason(text=text, source=source)),)
    for site in facts.losses():
        if site.upstream is refusal.point and refusal.conversation in site.conversations:
            text = f"the attempt never got to {site.downstream.name}"
            return (Observed(reason=Reason(text=text, source=source)),)
    return ()


_REMEDIES: Final = (
    Remedy(
        title="Start what should listen, or ask for the right port and address",
        where="the server: its service, the address it binds to, its published ports",
        commands=("ss -tulnp",),
        price="none",
        risk="none",
        check="ss -tuln shows the port, and the connection opens",
        undo=(),
    ),
)
_NEXT: Final = (
    Step(
        text="On the server: does anything listen there, and does a rule reject?",
        commands=("ss -tulnp", "nft list ruleset", "iptables-save -c"),
    ),
)
