"""The host that translates sources has no free port for one destination, so new flows to it are dropped.

A translated tuple has to be unique: one address gives as many flows to one destination, port and protocol as the rule
has ports. When all are taken the flow cannot be entered and its first packet is dropped, every time it is repeated
(Linux net/netfilter/nf_nat_core.c, get_unique_tuple; recorded on Linux 6.18: insert_failed and drop rise by one for
each).
"""

from typing import Final

import numpy as np

from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.patterns import only_first_of_flow, without_loss
from lastseen.faults.tracking_table import insert_failed, table_was_full
from lastseen.faults.translation import all_ports_taken, destinations, passed_later, source_translated
from lastseen.faults.weighing import Account, Contradicted, Fact, Observed, Unknown, weigh
from lastseen.tables.endpoints import Endpoint, ends_of
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step
from lastseen.tables.points import DELIVERED

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "nat_port_exhaustion"
TITLE: Final = "address translation has no free port left for a destination"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "conntrack_snat_race": "there a repetition picks another port and passes",
    "firewall_deny": "there a rule that discards was hit by as many as were lost",
}


def judge(facts: Facts) -> Judgement:
    """Supported where new flows to one destination fail at a hop with NAT whose ports for it are all taken."""
    otherwise = without_loss(SLUG, facts, missing="captures on both sides of the host that translates")
    return weigh(SLUG, (_account(site, facts) for site in facts.losses()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    ends = destinations(site)
    failed = insert_failed(facts, site)
    return Account(
        required=(
            only_first_of_flow(site),
            _one_destination(site, ends),
            source_translated(facts, site),
            all_ports_taken(facts, site)[0],
            failed,
        ),
        agreeing=(failed,),
        refuting=table_was_full(facts, site.node),
        telling=isinstance(failed, Observed) and isinstance(passed_later(site), Contradicted),
        summary=f"new flows to {ends[0].address} port {ends[0].port} vanish between {site.upstream.name} and "
        f"{site.downstream.name}: every port that may be translated to is taken",
        component=f"address translation on {facts.host(site.node)}",
        hop=site.number,
        remedies=_remedies(facts.host(site.node)),
        next=_NEXT,
    )


def _one_destination(site: LossSite, ends: tuple[Endpoint, ...]) -> Fact:
    """All lost packets go to one address and port, and flows to other ones pass."""
    source = site.source(int(site.lost_rows[0]))
    if len(ends) > 1:
        text = f"packets to {len(ends)} destinations are lost, not to one"
        return Contradicted(reason=Reason(text=text, source=source))
    rows = np.flatnonzero(site.hop.fate == DELIVERED)
    _, first = np.unique(site.upstream.group_of[rows], return_index=True)
    others = {end for _, end in ends_of(site.upstream.capture, rows[first])} - {*ends}
    if not others:
        return Unknown(missing="a flow to another destination through the same hop")
    text = f"all lost packets go to one destination; flows to {len(others)} others pass"
    return Observed(reason=Reason(text=text, source=source))


def _remedies(host: str) -> tuple[Remedy, ...]:
    return (
        Remedy(
            title="Use connections again",
            where="the clients: keep-alive, a pool",
            commands=(),
            price="code",
            risk="none",
            check="fewer tracked connections to that destination",
            undo=("the former configuration",),
        ),
        Remedy(
            title="Give the translation more ports or addresses",
            where=f"{host}: the rule that translates; at a cloud's gateway its number of ports or addresses",
            commands=("nft replace rule ip TABLE CHAIN handle HANDLE snat to FIRST-LAST:1024-65535",),
            price="public addresses cost money",
            risk="low",
            check="insert_failed stands still under the same load",
            undo=("nft replace rule ip TABLE CHAIN handle HANDLE FORMER_RULE",),
        ),
        Remedy(
            title="Reach the destination without translation",
            where="a private endpoint or route",
            commands=(),
            price="design",
            risk="low",
            check="conntrack -L shows no translated flows to it",
            undo=("the former route",),
        ),
    )


_NEXT: Final = (
    Step(
        text="Count the flows to that destination while it happens.",
        commands=(
            "conntrack -L -d DESTINATION | wc -l",
            "conntrack -S",
            "nft list ruleset | grep -E 'snat|masquerade'",
        ),
    ),
)
