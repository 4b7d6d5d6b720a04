"""Counters and rules of a hop's node that count packets such as were lost there, over any span between two snapshots.

Apart from `reconciling`, since spans up to and from the middle of a stall ask for the same counts as the whole does.
"""

from collections.abc import Iterator
from typing import Final

from lastseen.faults.counting import LAYERS
from lastseen.faults.facts import WHOLE, Delta, Facts, LossSite
from lastseen.faults.invalid import takes_invalid
from lastseen.faults.rule_match import NO, Passage, takes

__all__ = ["countable"]

RULE_CHARS: Final = 80
"""As much of a rule as names it; the source has all."""
_COUNTERS: Final = (
    ("conntrack", "invalid"),
    ("conntrack", "drop"),
    ("conntrack", "insert_failed"),
    ("nstat", "TcpExtListenOverflows"),
    ("nstat", "IpReversePathFilter"),
)


def countable(facts: Facts, site: LossSite, span: tuple[str, str] = WHOLE) -> Iterator[tuple[str, Delta]]:
    """What is counted, in words, and by how much it moved between the two snapshots that `span` names."""
    passage = Passage(enters=site.upstream.interface, leaves=site.downstream.interface)
    for layer in LAYERS:
        for rule, delta in facts.rule_deltas(site.node, layer, span):
            if not (rule.drops or takes_invalid(rule)):
                continue
            if (takes(rule, site.lost, passage) != NO).all():
                name = ": ".join(filter(None, (rule.place, rule.match)))[:RULE_CHARS]
                yield f"hits of the rule '{name}'", delta
    for family, name in _COUNTERS:
        moved = facts.counter_delta(family, name, site.node, span=span)
        if moved is not None:
            yield f"on {family}'s counter {name}", moved
