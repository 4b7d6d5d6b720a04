"""The outer packets of tunnels are tracked, and their many source ports fill the connection table.

A tunnel end picks the outer UDP source port from a hash of the inner flow (RFC 7348, section 5), so that each inner
flow is an outer flow of its own to whoever tracks the host's own traffic; the answers come from another port, so most
entries are never answered.
"""

from typing import Final

from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.patterns import only_first_of_flow, without_loss
from lastseen.faults.tracking_table import full_of_tunnels, table_was_full
from lastseen.faults.weighing import Account, Observed, first_observed, weigh
from lastseen.tables.counted import counted
from lastseen.tables.judgements import Judgement, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "conntrack_tunnel_flood"
TITLE: Final = "outer flows of tunnels fill the connection tracking table"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "conntrack_table_full": "the table is full either way; here most of it are outer flows of tunnels",
}


def judge(facts: Facts) -> Judgement:
    """Supported where first packets vanish, the table was full, and most of its entries are tunnels' outer flows."""
    otherwise = without_loss(SLUG, facts, missing="captures on both sides of the tunnel's host")
    return weigh(SLUG, (_account(site, facts) for site in facts.losses()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    told, tunnels = table_was_full(facts, site.node), full_of_tunnels(facts, site.node)
    full = first_observed(told)
    host = facts.host(site.node)
    return Account(
        required=(only_first_of_flow(site), full, tunnels),
        agreeing=told,
        telling=isinstance(tunnels, Observed),
        summary=f"{counted(len(site.lost_rows), 'first packet of new flows', 'vanish')} between "
        f"{site.upstream.name} and "
        f"{site.downstream.name}: the connection table of {host} is full of outer flows of tunnels",
        component=f"connection tracking (netfilter) of tunnel packets on {host}",
        hop=site.number,
        remedies=_remedies(host),
        next=_NEXT,
    )


def _remedies(host: str) -> tuple[Remedy, ...]:
    untrack = tuple(
        f"iptables -t raw -A {chain} -p udp --dport 6081 -j NOTRACK" for chain in ("PREROUTING", "OUTPUT")
    )
    return (
        Remedy(
            title="Do not track tunnel packets",
            where=f"{host}; the port is 6081 for Geneve, 4789 or 8472 for VXLAN",
            commands=untrack,
            price="a pair of rules a port",
            risk="medium: rules of the INPUT chain for these ports must not ask for a state any more",
            check="conntrack -C falls within minutes, and conntrack -L -p udp --dport 6081 is empty",
            undo=tuple(command.replace(" -A ", " -D ") for command in untrack),
        ),
    )


_NEXT: Final = (
    Step(
        text="See how much of the table are tunnels.",
        commands=(
            "conntrack -L -p udp --dport 6081 | wc -l",
            "conntrack -L -p udp --dport 4789 | wc -l",
            "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max",
        ),
    ),
)
