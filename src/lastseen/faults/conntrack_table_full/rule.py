"""The connection tracking table is full: packets that would open a new entry are dropped, known flows go on.

nf_conntrack refuses an allocation when nf_conntrack_count has reached nf_conntrack_max and no entry can be evicted
early (Linux net/netfilter/nf_conntrack_core.c, __nf_conntrack_alloc): it logs "table full, dropping packet", counts
`drop`, and the packet is gone. The same pattern of loss has other causes (a lost NAT race, a lost upcall), so what
makes it this one is that somebody says the table was full.
"""

from typing import Final

from lastseen.faults.counting import counter_agrees, counter_rose, logged
from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.patterns import only_first_of_flow, without_loss
from lastseen.faults.weighing import Account, Fact, Observed, Unknown, first_observed, observed_reasons, weigh
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "conntrack_table_full"
TITLE: Final = "the connection tracking table is full, so the first packets of new flows are dropped"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "conntrack_chain_too_long": "there chaintoolong rises and the table is far from full",
    "conntrack_snat_race": "there insert_failed rises and only flows that share a destination are hit",
    "ovs_upcall_lost": "there the datapath counts lost upcalls and conntrack drops nothing",
}
FULL_TOPIC: Final = "conntrack_table_full"
COUNT, MAXIMUM = "net.netfilter.nf_conntrack_count", "net.netfilter.nf_conntrack_max"
_FAMILIES: Final = ("conntrack", "conntrack_proc")


def judge(facts: Facts) -> Judgement:
    """Supported where only first packets of flows were lost and the host says that its table was full."""
    hints = observed_reasons(_table_was_full(facts, None))
    otherwise = without_loss(SLUG, facts, missing=_BOTH_SIDES, hints=hints)
    return weigh(SLUG, (_account(site, facts) for site in facts.losses()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    told = _table_was_full(facts, site.node)
    full = first_observed(told)
    host = facts.host(site.node)
    return Account(
        required=(only_first_of_flow(site), full),
        agreeing=(*told, *_counted(site, facts)),
        telling=isinstance(full, Observed),
        summary=f"{len(site.lost_rows)} first packets of new flows vanish between {site.upstream.name} and "
        f"{site.downstream.name}: the connection tracking table of {host} is full",
        component=f"connection tracking (netfilter) on {host}",
        hop=site.number,
        remedies=_remedies(host),
        next=_NEXT,
    )


def _table_was_full(facts: Facts, node: str | None) -> tuple[Fact, ...]:
    """What the host says of its table: the log first, then the count beside its limit."""
    return (
        logged(facts, FULL_TOPIC, node, "the table was full"),
        _count_at_limit(facts, node),
    )


def _count_at_limit(facts: Facts, node: str | None) -> Fact:
    """That nf_conntrack_count had reached nf_conntrack_max in the same snapshot of a node."""
    limits = {(s.node, s.snapshot): s for s in facts.setting(MAXIMUM, node)}
    for count in facts.setting(COUNT, node):
        limit = limits.get((count.node, count.snapshot))
        if limit is None or not (count.value.isdecimal() and limit.value.isdecimal()):
            continue
        if 0 < int(limit.value) <= int(count.value):
            text = f"{count.value} connections were tracked, the limit is {limit.value}"
            return Observed(reason=Reason(text=text, source=count.source))
    return Unknown(missing="nf_conntrack_count and nf_conntrack_max while packets are lost")


def _counted(site: LossSite, facts: Facts) -> tuple[Fact, ...]:
    """conntrack's own drop counter: by as much as was lost, or at least at all."""
    exact = [
        counter_agrees(facts, site, family, ("drop",), what="conntrack's drop counter")
        for family in _FAMILIES
    ]
    rose = [
        counter_rose(facts, site.node, family, ("drop",), what="conntrack's drop counter")
        for family in _FAMILIES
    ]
    return (first_observed((*exact, *rose)),)


_BOTH_SIDES: Final = "captures on both sides of the host that tracks connections"


def _remedies(host: str) -> tuple[Remedy, ...]:
    where = f"{host}, in the network namespace whose table is full (nf_conntrack_max is the initial one's)"
    return (
        Remedy(
            title="Allow more tracked connections",
            where=where,
            commands=("sysctl -w net.netfilter.nf_conntrack_max=1048576",),
            price="about 320 bytes of kernel memory an entry; raise nf_conntrack_buckets in step",
            risk="low",
            check="nf_conntrack_count stays below the limit and the log line does not come back",
            undo=("sysctl -w net.netfilter.nf_conntrack_max=FORMER_VALUE",),
        ),
        Remedy(
            title="Forget dead connections sooner",
            where=where,
            commands=("sysctl -w net.netfilter.nf_conntrack_tcp_timeout_established=86400",),
            price="none at once",
            risk="medium: a connection that is idle for longer is forgotten, and its next packet may be dropped",
            check="conntrack -C falls in the hours after it",
            undo=("sysctl -w net.netfilter.nf_conntrack_tcp_timeout_established=432000",),
        ),
        Remedy(
            title="Find who opens so many, and do not track what needs no state",
            where=host,
            commands=("conntrack -L | awk '{print $1, $5}' | sort | uniq -c | sort -rn | head",),
            price="work; untracked traffic has no stateful rules and no NAT",
            risk="medium",
            check="conntrack -C falls",
            undo=("remove the notrack rule",),
        ),
    )


_NEXT: Final = (
    Step(
        text="While packets are lost, see how full the table is and who fills it.",
        commands=(
            "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max",
            "dmesg | grep -i 'table full'",
            "conntrack -S",
        ),
    ),
)
