"""One of several equal paths is dead: a connection loses everything or nothing, as its ports hash.

Routers and bonds choose a path by the packet's addresses and ports (RFC 2992); with tunnels by the outer source
port. A dead member takes a fixed share of the connections, always the same ones, and spares the others wholly.
"""

from collections import defaultdict
from typing import Final

import numpy as np

from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.patterns import without_loss
from lastseen.faults.weighing import Account, Contradicted, Fact, Observed, Unknown, weigh
from lastseen.tables.counted import counted
from lastseen.tables.details import column
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "ecmp_bad_member"
TITLE: Final = "one member of a bundle of equal paths drops everything it gets"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "random_loss": "there each connection loses some packets",
    "firewall_deny": "there a rule separates the connections that fail from those that do not",
}
FEWEST_EACH: Final = 3
"""Connections that lose everything and that lose nothing: fewer of either say nothing of a share."""
FEWEST: Final = 8


def judge(facts: Facts) -> Judgement:
    """Supported where connections of one kind lose everything or nothing at a hop with several next hops."""
    otherwise = without_loss(
        SLUG, facts, missing="captures before and behind the bundle, with many connections"
    )
    return weigh(SLUG, (_account(site, facts) for site in facts.losses()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    split = _all_or_nothing(site)
    several = _several_paths(site, facts)
    return Account(
        required=(split, several),
        agreeing=(several,),
        telling=isinstance(several, Observed) and isinstance(split, Observed),
        summary=f"some connections lose everything between {site.upstream.name} and {site.downstream.name}, the others "
        "nothing: one of the equal paths is dead",
        component=f"a member of the bundle or route group behind {site.upstream.name}",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _all_or_nothing(site: LossSite) -> Fact:
    """Each group of packets with the same ports (of the tunnel, where there is one) was lost or delivered whole."""
    counts: dict[tuple[int, ...], list[int]] = defaultdict(lambda: [0, 0])
    for place, rows in enumerate((site.lost, site.delivered)):
        outer = column(rows, "outer_src_port")
        keys = np.stack(
            [
                np.where(outer >= 0, outer, column(rows, "src_port")),
                column(rows, "dst_port"),
                column(rows, "ip_src"),
            ]
        )
        for key in keys.T.tolist():
            counts[tuple(key)][place] += 1
    mixed = sum(1 for lost, passed in counts.values() if lost and passed)
    dead = sum(1 for lost, passed in counts.values() if not passed)
    alive = len(_unharmed(site))
    source = site.source(int(site.lost_rows[0]))
    if mixed:
        text = f"{counted(mixed, 'connection')} lost some packets and not others"
        return Contradicted(reason=Reason(text=text, source=source))
    if dead < FEWEST_EACH or alive < FEWEST_EACH or dead + alive < FEWEST:
        return Unknown(missing="more connections (64 source ports tell): some that fail and some that do not")
    text = f"{counted(dead, 'connection')} lost everything, {alive} lost nothing"
    return Observed(reason=Reason(text=text, source=source))


def _unharmed(site: LossSite) -> set[int]:
    """Groups of the upstream point of which packets took the hop and none was lost."""
    groups = site.upstream.group_of
    passed = set(np.unique(groups[site.hop.fate == 1]).tolist())
    return passed - set(np.unique(groups[site.lost_rows]).tolist())


def _several_paths(site: LossSite, facts: Facts) -> Fact:
    """A route with several next hops, or a bond, on a node of the evidence."""
    by_destination: dict[tuple[str, str, str], set[tuple[str, str]]] = defaultdict(set)
    for route in facts.routes:
        by_destination[route.node, route.snapshot, route.destination].add((route.device, route.via))
    for (node, snapshot, destination), ways in by_destination.items():
        route = next(
            r for r in facts.routes if (r.node, r.snapshot, r.destination) == (node, snapshot, destination)
        )
        if len({via for _, via in ways if via}) > 1 and site.node in (None, node):
            text = f"{destination} has {len(ways)} next hops"
            return Observed(reason=Reason(text=text, source=route.source))
    bonds = [i for i in facts.interfaces if i.kind in ("bond", "team")]
    if bonds:
        return Observed(reason=Reason(text=f"{bonds[0].name} is a bond", source=bonds[0].source))
    return Unknown(missing="the routes or bonds of the hop (ip route: several next hops; bond/show)")


_REMEDIES: Final = (
    Remedy(
        title="Take the dead member out",
        where="the router, bond or switch that spreads the connections",
        commands=(),
        price="capacity",
        risk="low",
        check="64 connections from different source ports all work",
        undo=("put the member back",),
    ),
    Remedy(
        title="Let clients try another port",
        where="the clients: a new connection hashes anew",
        commands=(),
        price="the first timeout remains",
        risk="low",
        check="a retry works",
        undo=(),
    ),
)
_NEXT: Final = (
    Step(
        text="Probe with many source ports: all or nothing each, and a fixed share fails.",
        commands=(
            "for p in $(seq 40000 40063); do nc -z -w 2 -p $p SERVER PORT && echo $p ok || echo $p FAIL; done",
        ),
    ),
)
