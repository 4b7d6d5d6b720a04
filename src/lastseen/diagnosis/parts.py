"""Two faults at one hop: the packets that one rule accounts for, and the rest, each judged as if lost alone.

A rule that drops has to explain all packets lost at a hop, else its counter may have moved for others. Where its text
takes some of them and none that passed, and its counter moved by just their number, it did drop those: then what took
the rest is asked of the rest alone, and what they have in common shows again. Only text that is understood to the last
term is believed, and only where both points of the hop are on the rule's host.
"""

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.contrasts import mine
from lastseen.diagnosis.loss_sites import conversation_of
from lastseen.faults.counting import LAYERS, agrees
from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.rule_match import NO, UNKNOWN, YES, Passage, takes
from lastseen.faults.tracks import Details
from lastseen.tables.points import OUTSIDE

__all__ = ["apart"]

MOST_PACKETS: Final = 20_000
"""More lost packets of a hop are not read in full, so not divided."""


def apart(facts: Facts, details: Details, explained: Collection[int]) -> Iterator[tuple[int, Facts]]:
    """(number of a hop, facts in which a part of what it lost is all it lost), of each part; rules' parts first.

    `explained`: hops of which one fault explains everything already.
    """
    for site in facts.sites:
        if site.number in explained or not len(site.lost_rows) or site.node is None:
            continue
        chosen = _dropped_by_a_rule(facts, site, details)
        if chosen is not None:
            for part in (chosen, ~chosen):
                others = tuple(s for s in facts.sites if s is not site)
                yield site.number, replace(facts, sites=(_part(facts, site, part, details), *others))


def _dropped_by_a_rule(facts: Facts, site: LossSite, details: Details) -> npt.NDArray[np.bool_] | None:
    """bool[len(site.missing_rows)]: some, not all, that a rule dropped by its text and by its count; None: no rule."""
    if len(site.missing_rows) > MOST_PACKETS:
        return None
    missing = details(site.upstream.capture, site.missing_rows)
    passage = Passage(enters=site.upstream.interface, leaves=site.downstream.interface)
    for layer in LAYERS:
        for rule, delta in facts.rule_deltas(site.node, layer):
            if not rule.drops or not delta.value:
                continue
            taken, passed = takes(rule, missing, passage), takes(rule, site.delivered, passage)
            count, sure = int((taken == YES).sum()), taken[: len(site.lost_rows)] == YES
            certain = not (taken == UNKNOWN).any() and bool((passed == NO).all())
            if certain and sure.any() and not sure.all() and agrees(delta.value, count):
                chosen: npt.NDArray[np.bool_] = taken == YES
                return chosen
    return None


def _part(facts: Facts, site: LossSite, chosen: npt.NDArray[np.bool_], details: Details) -> LossSite:
    """The site as if only the chosen of its missing packets had not arrived; the others are outside of it.

    They are compared with all that the site delivered: what a rule took of one connection, others may have passed with.
    """
    rows = site.missing_rows
    is_lost = np.arange(len(rows)) < len(site.lost_rows)
    lost = rows[chosen & is_lost]
    of_lost = details(site.upstream.capture, lost)
    fate = site.hop.fate.copy()
    fate[rows[~chosen]] = OUTSIDE
    groups = site.upstream.group_of[rows[chosen]]
    return replace(
        site,
        hop=replace(site.hop, fate=fate),
        lost_rows=lost,
        unproven_rows=rows[chosen & ~is_lost],
        lost=of_lost,
        contrasts=mine(of_lost, site.delivered, hop=site.number),
        conversations=frozenset(conversation_of(facts.matching, site.hop.upstream)[groups].tolist()),
    )
