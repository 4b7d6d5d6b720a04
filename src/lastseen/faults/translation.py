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
from lastseen.tables.counted import counted, some_of
from lastseen.tables.endpoints import Endpoint, ends_at, ends_of
from lastseen.tables.facts_from_texts import Rule
from lastseen.tables.judgements import Reason
from lastseen.tables.points import DELIVERED

__all__ = ["all_ports_taken", "destinations", "passed_later", "source_translated"]

MOST_COMPARED: Final = 200
"""Delivered packets looked at; a hop that translates does it for every flow of a kind."""
ALL_PORTS: Final = 64_512
"""Ports 1024 to 65535, what Linux gives a source port above 1023 without a range (nf_nat_core.c)."""
_TRANSLATES: Final = re.compile(r"\b(?:snat|masquerade|SNAT|MASQUERADE)\b")
_RANGE: Final = re.compile(r"(?::|--to-ports )(\d{1,5})-(\d{1,5})\b")


def destinations(site: LossSite) -> tuple[Endpoint, ...]:
    """Where the lost packets were sent to, as seen before the hop, each once, by address and port."""
    ends = {end for _, end in ends_of(site.upstream.capture, site.lost_rows)}
    return tuple(sorted(ends, key=lambda end: (end.address, end.port)))


def source_translated(facts: Facts, site: LossSite) -> Fact:
    """That the hop gives packets another source."""
    rows = np.flatnonzero((site.hop.fate == DELIVERED) & (site.hop.partner >= 0))[:MOST_COMPARED]
    for row in rows.tolist():
        (before, _), (after, _) = _both_sides(site, row)
        if before != after:
            text = f"the hop translates sources: {_text(before)} leaves it as {_text(after)}"
            return Observed(reason=Reason(text=text, source=site.source(row)))
    rule = _rule(facts, site)
    if rule is not None:
        text = f"a rule translates sources there: '{rule.place}: {rule.match} {rule.actions}'"
        return Observed(reason=Reason(text=text, source=rule.source))
    if len(rows):
        text = (
            f"the hop translates nothing: {counted(len(rows), 'packet', 'leave')} it with the source "
            f"{'it' if len(rows) == 1 else 'they'} came with"
        )
        return Contradicted(reason=Reason(text=text, source=site.source(int(rows[0]))))
    return Unknown(missing="a packet that passed, or the NAT rules of the hop")


def _both_sides(site: LossSite, row: int) -> tuple[tuple[Endpoint, Endpoint], tuple[Endpoint, Endpoint]]:
    """(source, destination) of a packet that passed, before the hop and behind it."""
    partner = int(site.hop.partner[row])
    return ends_at(site.upstream.capture, row), ends_at(site.downstream.capture, partner)


def _text(end: Endpoint) -> str:
    host = f"[{end.address}]" if ":" in end.address else end.address
    return f"{host}:{end.port}"


def passed_later(site: LossSite) -> Fact:
    """That flows which lost their first packet got through when they sent it again; contradicted where none did."""
    groups = np.unique(site.upstream.group_of[site.lost_rows])
    again = int(np.isin(groups, np.unique(site.upstream.group_of[site.delivered_rows])).sum())
    text = f"{some_of(again, len(groups), 'flow')} that lost the first packet passed when tried again"
    return holds(again, Reason(text=text, source=site.source(int(site.lost_rows[0]))))


def all_ports_taken(facts: Facts, site: LossSite) -> tuple[Fact, ...]:
    """For each of the `destinations`: that every port the hop's rule may translate to is in use towards it.

    By what the host tracked, else by what the captures saw leave it.
    """
    ends = destinations(site)
    missing = Unknown(missing="conntrack -L of the hop while it happens, and the rule that translates")
    rule = _rule(facts, site)
    if rule is None:
        return (missing,) * len(ends)
    by_host, by_captures = _tracked_sources(facts, site), _seen_sources(site)
    return tuple(
        _taken(rule, end, taken) if (taken := by_host.get(end) or by_captures.get(end)) else missing
        for end in ends
    )


def _taken(rule: Rule, end: Endpoint, taken: set[Endpoint]) -> Fact:
    ports = _size(rule) * len({source.address for source in taken})
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


def _tracked_sources(facts: Facts, site: LossSite) -> dict[Endpoint, set[Endpoint]]:
    """By destination the sources that tracked flows towards it were given."""
    found: dict[Endpoint, set[Endpoint]] = {}
    for e in tracked(facts, site.node):
        if e.reply_dst != e.original_src:
            found.setdefault(e.original_dst, set()).add(e.reply_dst)
    return found


def _seen_sources(site: LossSite) -> dict[Endpoint, set[Endpoint]]:
    """By destination the sources behind the hop of packets that got through with another source."""
    rows = np.flatnonzero((site.hop.fate == DELIVERED) & (site.hop.partner >= 0))
    _, first = np.unique(site.upstream.group_of[rows], return_index=True)
    found: dict[Endpoint, set[Endpoint]] = {}
    for row in rows[first].tolist():
        (before, end), (after, _) = _both_sides(site, row)
        if before != after:
            found.setdefault(end, set()).add(after)
    return found
