"""A policer or rule with a limit drops what exceeds it.

A policer has no queue: what comes faster than its rate is gone (tc police, an OpenFlow meter, nft or iptables
"limit"). By the packets it looks like congestion; what makes it this fault is that the limit itself counted them.
"""

import re
from collections.abc import Iterator
from typing import Final

from lastseen.faults.chance import in_turns_or_bursts
from lastseen.faults.counting import LAYERS, agrees, lost_at
from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.patterns import without_loss
from lastseen.faults.unanswered import traced
from lastseen.faults.weighing import Account, Fact, Observed, Unknown, first_observed, weigh
from lastseen.tables.counted import counted
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "rate_limit"
TITLE: Final = "a rate limit drops what exceeds it"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "queue_overflow": "there a queue is full; a policer has none",
    "firewall_deny": "there the rule drops whatever it matches, however slowly it comes",
}
_LIMITS: Final = re.compile(
    r"\blimit\b|\bhashlimit\b|\bmeter\b|\bpolice\b|\bquota\b|\bct count\b|\bconnlimit\b"
)
"""Of rate, of amount, or of connections at once."""


def judge(facts: Facts) -> Judgement:
    """Supported where a rule with a limit or a meter dropped as many packets as were lost."""
    otherwise = without_loss(SLUG, facts, missing="captures on both sides of the hop that limits")
    return weigh(SLUG, (_account(site, facts) for site in facts.lossy()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    told = (*_limits(site, facts), traced(facts, "OVS_DROP_METER"))
    limit = first_observed(told)
    shape = tuple[Observed, ...]()
    if not isinstance(limit, Observed):
        limit = Unknown(missing="the hits of rules with a limit and of meters, before and after")
        shape = in_turns_or_bursts(site)
    counts = any(facts.rules_at(site, layer) for layer in LAYERS)
    return Account(
        required=(limit, *shape),
        agreeing=told,
        telling=not counts and bool(shape),
        summary=f"{counted(len(site.lost_rows), 'packet', 'exceed')} a limit between {site.upstream.name} and "
        f"{site.downstream.name} and are dropped",
        component=f"a limit on {facts.host(site.node)}",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _limits(site: LossSite, facts: Facts) -> Iterator[Fact]:
    """Rules with a limit that dropped as many, or behind which the next rule did."""
    lost = lost_at(site)
    for layer in LAYERS:
        deltas = facts.rules_at(site, layer)
        limited = {rule.place for rule, _ in deltas if _LIMITS.search(f"{rule.match} {rule.actions}")}
        for rule, delta in deltas:
            own = _LIMITS.search(f"{rule.match} {rule.actions}") is not None
            if rule.drops and agrees(delta.value, lost) and (own or rule.place in limited):
                text = f"the rule '{rule.place}: {rule.match} {rule.actions}' dropped {counted(delta.value, 'packet')}"
                over = " over a limit" if own else " that a limit let through"
                yield Observed(reason=Reason(text=text + over, source=delta.after))


_REMEDIES: Final = (
    Remedy(
        title="Raise the limit, or take it away",
        where="the rule, policer, meter or quality-of-service policy that counted the packets",
        commands=(),
        price="what the limit protected",
        risk="medium",
        check="its counter stands still under the same traffic",
        undo=("the former limit",),
    ),
    Remedy(
        title="Queue instead of dropping",
        where="in front of the limit: shape the traffic to its rate (tc tbf, htb, fq with a maximum rate)",
        commands=("tc qdisc replace dev DEVICE root tbf rate 100mbit burst 64k latency 50ms",),
        price="latency",
        risk="low",
        check="the limit's counter stands still",
        undo=("tc qdisc del dev DEVICE root",),
    ),
)
_NEXT: Final = (
    Step(
        text="Send slowly: what is never lost then is lost to a limit.",
        commands=(
            "nft list ruleset | grep -i limit",
            "tc -s filter show dev DEVICE",
            "ovs-ofctl -O OpenFlow13 meter-stats br-int",
        ),
    ),
)
