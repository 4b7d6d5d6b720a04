"""One hash chain of the connection table is too long, so new flows that fall into it are refused.

Since Linux 5.15 (d7e7747ac5c2) an insertion walks a limited number of entries of its bucket only, at first 40, now 50
to 80 by chance; beyond that the flow is dropped and counted as chaintoolong and insert_failed
(net/netfilter/nf_conntrack_core.c, __nf_conntrack_confirm). The table may be far from full.
"""

from typing import Final

from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.patterns import only_first_of_flow, without_loss
from lastseen.faults.tracking_table import table_was_full, tracking_count
from lastseen.faults.weighing import Account, Observed, weigh
from lastseen.tables.counted import counted
from lastseen.tables.judgements import Judgement, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "conntrack_chain_too_long"
TITLE: Final = "a hash chain of the connection table is too long, so new flows are refused"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "conntrack_table_full": "there the table is full and chaintoolong stands still",
    "conntrack_snat_race": "there insert_failed rises without chaintoolong",
}
_WHAT: Final = "conntrack's count of hash chains that were too long (chaintoolong)"


def judge(facts: Facts) -> Judgement:
    """Supported where only first packets of flows vanish and chaintoolong rises by as much, or more."""
    otherwise = without_loss(SLUG, facts, missing="captures on both sides of the hop")
    return weigh(SLUG, (_account(site, facts) for site in facts.losses()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    told = tracking_count(facts, site, "chaintoolong", _WHAT)
    return Account(
        required=(only_first_of_flow(site), told),
        agreeing=(told,),
        refuting=table_was_full(facts, site.node),
        telling=isinstance(told, Observed),
        summary=f"{counted(len(site.lost_rows), 'first packet of new flows', 'vanish')} between "
        f"{site.upstream.name} and "
        f"{site.downstream.name}: the hash chains they fall into are too long",
        component=f"connection tracking (netfilter) on {facts.host(site.node)}",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


_REMEDIES: Final = (
    Remedy(
        title="Give the table more buckets",
        where="the host that tracks, in its initial network namespace",
        commands=("sysctl -w net.netfilter.nf_conntrack_buckets=262144",),
        price="8 bytes a bucket; the table is hashed anew at once",
        risk="low",
        check="chaintoolong stands still under the same load",
        undo=("sysctl -w net.netfilter.nf_conntrack_buckets=FORMER_VALUE",),
    ),
    Remedy(
        title="Keep fewer entries that hash alike",
        where="the host: zones that hold the same tuple many times, UDP entries that nobody needs",
        commands=("conntrack -L | awk '{print $1, $4, $5}' | sort | uniq -c | sort -rn | head",),
        price="work",
        risk="low",
        check="chaintoolong rises less",
        undo=("the former rules",),
    ),
)
_NEXT: Final = (
    Step(
        text="Watch the counters while packets are lost, and how full the table is.",
        commands=(
            "conntrack -S",
            "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_buckets",
        ),
    ),
)
