"""Two new flows chose the same translated tuple at the same moment; conntrack enters one and drops the other.

NAT picks a source port when the first packet passes, and enters the flow when it leaves; in between another CPU may
have taken the same tuple. The loser's packet is dropped and counted as insert_failed (Linux
net/netfilter/nf_conntrack_core.c, __nf_conntrack_confirm, nf_ct_resolve_clash: clashes of UDP and ICMP are resolved,
those of TCP are not). A repetition a second later picks anew and passes.
"""

from typing import Final

import numpy as np

from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.patterns import only_first_of_flow, without_loss
from lastseen.faults.tracking_table import insert_failed, table_was_full
from lastseen.faults.translation import all_ports_taken, passed_later, source_translated
from lastseen.faults.weighing import Account, Contradicted, Fact, Observed, weigh
from lastseen.tables.counted import counted
from lastseen.tables.endpoints import ends_at
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "conntrack_snat_race"
TITLE: Final = "two new flows chose the same translated port, and the first packet of one was dropped"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "nat_port_exhaustion": "there no port is free, so repetitions fail as well, and only one destination is hit",
    "conntrack_chain_too_long": "there chaintoolong rises with insert_failed",
    "conntrack_table_full": "there the table is full, and drop rises without insert_failed",
}
TOGETHER_NS: Final = 10_000_000
"""Flows that race pass the rule within microseconds; this allows for captures of two hosts."""


def judge(facts: Facts) -> Judgement:
    """Supported where first packets vanish at a hop with NAT, their repetitions pass, and insert_failed rises."""
    otherwise = without_loss(SLUG, facts, missing="captures on both sides of the host that translates")
    return weigh(SLUG, (_account(site, facts) for site in facts.losses()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    failed = insert_failed(facts, site)
    return Account(
        required=(
            only_first_of_flow(site),
            passed_later(site),
            source_translated(facts, site),
            _rivals(facts, site),
            failed,
        ),
        agreeing=(failed,),
        refuting=(*table_was_full(facts, site.node), *_other_causes(facts, site)),
        telling=isinstance(failed, Observed),
        summary=f"{counted(len(site.lost_rows), 'first packet of new flows', 'vanish')} between "
        f"{site.upstream.name} and "
        f"{site.downstream.name}, where sources are translated; repeated, they pass: another flow had taken the same "
        "translated port",
        component=f"address translation (netfilter) on {facts.host(site.node)}",
        hop=site.number,
        remedies=_remedies(facts.host(site.node)),
        next=_NEXT,
    )


def _other_causes(facts: Facts, site: LossSite) -> tuple[Fact, ...]:
    """What else raises insert_failed: chains that are too long, and ports that are all taken."""
    told = all_ports_taken(facts, site)
    chain = facts.moved("conntrack", ("chaintoolong",), site.node)
    if chain is None:
        return told
    text = f"chaintoolong rose by {chain.value}: the hash chain was too long, there was no race"
    return (*told, Observed(reason=Reason(text=text, source=chain.after)))


def _rivals(facts: Facts, site: LossSite) -> Fact:
    """That each lost packet had a rival: a flow to the same destination that began behind the hop at that moment."""
    down = site.downstream
    offsets = facts.matching.offsets_ns
    shift = offsets[site.hop.downstream] - offsets[site.hop.upstream]
    _, first = np.unique(down.group_of, return_index=True)
    began = down.capture.times_ns()[first] + shift
    lost_ns = site.upstream.capture.times_ns()[site.lost_rows]
    for row, at in zip(site.lost_rows.tolist(), lost_ns.tolist(), strict=True):
        end = ends_at(site.upstream.capture, row)[1]
        near = first[np.abs(began - at) <= TOGETHER_NS].tolist()
        rival = next((other for other in near if ends_at(down.capture, other)[1] == end), None)
        if rival is None:
            text = "no other flow to the destination of this lost packet began at that moment: there was no rival"
            return Contradicted(reason=Reason(text=text, source=site.source(row)))
    text = (
        f"another flow to the same destination began within {TOGETHER_NS // 1_000_000} ms of each lost packet"
    )
    return Observed(reason=Reason(text=text, source=site.source(int(site.lost_rows[0]))))


def _remedies(host: str) -> tuple[Remedy, ...]:
    replace = "iptables -t nat -R POSTROUTING NUMBER -o DEVICE -j MASQUERADE"
    return (
        Remedy(
            title="Pick translated ports at random",
            where=f"{host}: the rule that translates (nft: 'masquerade fully-random')",
            commands=(f"{replace} --random-fully",),
            price="none; iptables 1.6.2 or later",
            risk="low; where tunnel packets are translated too, kernels without the fix send wrong checksums",
            check="insert_failed stands still under the same load",
            undo=(replace,),
        ),
        Remedy(
            title="Open fewer connections at once",
            where="the clients: a pool of connections, or a pause between them",
            commands=(),
            price="code",
            risk="low",
            check="insert_failed rises less",
            undo=("the former configuration",),
        ),
    )


_NEXT: Final = (
    Step(
        text="Watch the counter while connections are opened, and see how the rule picks ports.",
        commands=(
            "conntrack -S | grep -o 'insert_failed=[0-9]*'",
            "iptables -t nat -S | grep -E 'SNAT|MASQUERADE'",
        ),
    ),
)
