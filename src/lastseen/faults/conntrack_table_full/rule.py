"""The connection tracking table is full: packets that would open a new entry are dropped, known flows go on.

nf_conntrack refuses an allocation when nf_conntrack_count has reached nf_conntrack_max and no entry can be evicted
early (Linux net/netfilter/nf_conntrack_core.c, __nf_conntrack_alloc): it logs "table full, dropping packet", counts
`drop`, and the packet is gone. The same pattern of loss has other causes (a lost NAT race, a lost upcall), so what
makes it this one is that somebody says the table was full.
"""

from typing import Final

from lastseen.faults.counting import counter_agrees, counter_rose
from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.patterns import only_first_of_flow, without_loss
from lastseen.faults.tracking_table import FAMILIES, full_of_tunnels, table_was_full
from lastseen.faults.weighing import Account, Fact, Observed, first_observed, observed_reasons, weigh
from lastseen.tables.counted import counted
from lastseen.tables.judgements import Judgement, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "conntrack_table_full"
TITLE: Final = "the connection tracking table is full, so the first packets of new flows are dropped"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "conntrack_chain_too_long": "there chaintoolong rises and the table is far from full",
    "conntrack_snat_race": "there insert_failed rises and only flows that share a destination are hit",
    "conntrack_tunnel_flood": "there most entries are outer flows of tunnels",
    "ovs_upcall_lost": "there the datapath counts lost upcalls and conntrack drops nothing",
}


def judge(facts: Facts) -> Judgement:
    """Supported where only first packets of flows were lost and the host says that its table was full."""
    hints = observed_reasons(table_was_full(facts, None))
    otherwise = without_loss(SLUG, facts, missing=_BOTH_SIDES, hints=hints)
    return weigh(SLUG, (_account(site, facts) for site in facts.losses()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    told = table_was_full(facts, site.node)
    full = first_observed(told)
    host = facts.host(site.node)
    return Account(
        required=(only_first_of_flow(site), full),
        agreeing=(*told, _counted(site, facts)),
        telling=isinstance(full, Observed),
        general=isinstance(full_of_tunnels(facts, site.node), Observed),
        summary=f"{counted(len(site.lost_rows), 'first packet of new flows', 'vanish')} between "
        f"{site.upstream.name} and "
        f"{site.downstream.name}: the connection tracking table of {host} is full",
        component=f"connection tracking (netfilter) on {host}",
        hop=site.number,
        remedies=_remedies(host),
        next=_NEXT,
    )


def _counted(site: LossSite, facts: Facts) -> Fact:
    """conntrack's own drop counter: by as much as was lost, or at least at all."""
    what = "conntrack's drop counter"
    exact = [counter_agrees(facts, site, family, ("drop",), what=what) for family in FAMILIES]
    rose = [counter_rose(facts, site.node, family, ("drop",), what=what) for family in FAMILIES]
    return first_observed((*exact, *rose))


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
            undo=("sysctl -w net.netfilter.nf_conntrack_tcp_timeout_established=FORMER_VALUE",),
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
