"""Whether a hop translates sources, and whether it has ports left: faults of NAT need one, and most hops have none.

The packets tell it where some got through (the same packet has another source behind the hop); otherwise the host's
rules do. A translated tuple has to be unique, so that a rule gives as many flows to one destination as it has ports
(Linux net/netfilter/nf_nat_core.c, get_unique_tuple).
"""

import re
from typing import Final

import numpy as np

from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.rule_match import NO, YES, Passage, takes
from lastseen.faults.tracking_table import tracked
from lastseen.faults.weighing import Contradicted, Fact, Observed, Unknown, holds
from lastseen.tables.endpoints import endpoints_of
from lastseen.tables.facts_from_texts import Endpoint, Rule
from lastseen.tables.judgements import Reason
from lastseen.tables.packets import FLOW
from lastseen.tables.points import DELIVERED, Point

__all__ = ["all_ports_taken", "destinations", "ends_at", "passed_later", "source_translated"]

MOST_COMPARED: Final = 200
"""Delivered packets looked at; a hop that translates does it for every flow of a kind."""
ALL_PORTS: Final = 64_512
"""Ports 1024 to 65535, what Linux gives a source port above 1023 without a range (nf_nat_core.c)."""
_TRANSLATES: Final = re.compile(r"\b(?:snat|masquerade|SNAT|MASQUERADE)\b")
_RANGE: Final = re.compile(r"(?::|--to-ports )(\d{1,5})-(\d{1,5})\b")


def ends_at(point: Point, row: int) -> tuple[Endpoint, Endpoint]:
    """(source, destination) of a packet as a point saw it; both without an address where it belongs to no flow."""
    word = int(point.capture.packets[row][FLOW])
    if word >> 1 >= len(point.capture.flows):
        return Endpoint(address=""), Endpoint(address="")
    return endpoints_of(point.capture.flows[word >> 1], word & 1)


def destinations(site: LossSite) -> frozenset[Endpoint]:
    """Where the lost packets were sent to, as seen before the hop."""
    return frozenset(ends_at(site.upstream, int(row))[1] for row in site.lost_rows)


def source_translated(facts: Facts, site: LossSite) -> Fact:
    """That the hop gives packets another source."""
    rows = np.flatnonzero((site.hop.fate == DELIVERED) & (site.hop.partner >= 0))[:MOST_COMPARED]
    for row in rows.tolist():
        before = ends_at(site.upstream, row)[0]
        after = ends_at(site.downstream, int(site.hop.partner[row]))[0]
        if before != after:
            text = f"the hop translates sources: {_text(before)} leaves it as {_text(after)}"
            return Observed(reason=Reason(text=text, source=site.source(row)))
    rule = _rule(facts, site)
    if rule is not None:
        text = f"a rule translates sources there: '{rule.place}: {rule.match} {rule.actions}'"
        return Observed(reason=Reason(text=text, source=rule.source))
    if len(rows):
        text = f"the hop translates nothing: {len(rows)} packets leave it with the source they came with"
        return Contradicted(reason=Reason(text=text, source=site.source(int(rows[0]))))
    return Unknown(missing="a packet that passed, or the NAT rules of the hop")


def _text(end: Endpoint) -> str:
    host = f"[{end.address}]" if ":" in end.address else end.address
    return f"{host}:{end.port}"


def passed_later(site: LossSite) -> Fact:
    """That flows which lost their first packet got through when they sent it again; contradicted where none did."""
    groups = np.unique(site.upstream.group_of[site.lost_rows])
    again = int(np.isin(groups, np.unique(site.upstream.group_of[site.delivered_rows])).sum())
    text = f"{again} of the {len(groups)} flows that lost their first packet passed when they tried again"
    return holds(again, Reason(text=text, source=site.source(int(site.lost_rows[0]))))


def all_ports_taken(facts: Facts, site: LossSite, end: Endpoint) -> Fact:
    """That every port the hop's rule may translate to is in use towards a destination.

    By what the host tracked, else by what the captures saw leave it.
    """
    missing = Unknown(missing="conntrack -L of the hop while it happens, and the rule that translates")
    rule = _rule(facts, site)
    if rule is None:
        return missing
    taken = _tracked_sources(facts, site, end) or _seen_sources(site, end)
    if not taken:
        return missing
    ports = _size(rule) * len({address for address, _ in taken})
    text = f"{len(taken)} translated ports are in use towards {_text(end)}, of {ports}"
    return holds(len(taken) >= ports, Reason(text=text, source=rule.source))


def _rule(facts: Facts, site: LossSite) -> Rule | None:
    """The rule that translates the lost packets, as far as its text tells; with most ports where several may."""
    passage = Passage(enters=site.upstream.interface, leaves=site.downstream.interface)
    found = []
    for rule in facts.rules:
        if (
            rule.layer in ("nft", "iptables")
            and site.node in (None, rule.node)
            and _TRANSLATES.search(rule.actions)
        ):
            answers = takes(rule, site.lost, passage)
            if not (answers == NO).any():
                found.append((bool((answers == YES).all()), _size(rule), rule))
    return max(found, key=lambda each: each[:2])[2] if found else None


def _size(rule: Rule) -> int:
    limits = _RANGE.search(rule.actions)
    return int(limits[2]) - int(limits[1]) + 1 if limits else ALL_PORTS


def _tracked_sources(facts: Facts, site: LossSite, end: Endpoint) -> set[tuple[str, int]]:
    return {
        (e.reply_dst.address, e.reply_dst.port)
        for e in tracked(facts, site.node)
        if e.original_dst == end and e.reply_dst != e.original_src
    }


def _seen_sources(site: LossSite, end: Endpoint) -> set[tuple[str, int]]:
    """Sources behind the hop of packets to a destination that got through with another source."""
    rows = np.flatnonzero((site.hop.fate == DELIVERED) & (site.hop.partner >= 0))
    _, first = np.unique(site.upstream.group_of[rows], return_index=True)
    found = set()
    for row in rows[first].tolist():
        before, after = ends_at(site.upstream, row), ends_at(site.downstream, int(site.hop.partner[row]))
        if before[1] == end and before[0] != after[0]:
            found.add((after[0].address, after[0].port))
    return found
