"""Counters and rules that moved by exactly as much as was lost: where nobody knows the cause, they name the place.

A count is no proof (other packets are counted too), so this is a note, never a judgement.
"""

from collections.abc import Iterator
from typing import Final

from lastseen.faults.facts import Facts, LossSite
from lastseen.tables.counted import counted
from lastseen.tables.judgements import Reason

__all__ = ["moved_as_much"]

FEW: Final = 3
"""Counters move by one or two for many reasons; below this many lost packets an equal number says nothing."""
SHOWN: Final = 6
_FAMILIES: Final = (
    "nstat",
    "conntrack",
    "link",
    "qdisc",
    "nic",
    "datapath",
    "datapath_port",
    "openflow_port",
    "softnet",
    "nft_counter",
)
_LAYERS: Final = ("nft", "iptables", "tc", "openflow", "datapath")


def moved_as_much(facts: Facts, site: LossSite) -> tuple[Reason, ...]:
    """What moved by the number of packets lost at a site, on the node it lies on; rules that drop first."""
    if len(site.lost_rows) < FEW or site.node is None:
        return ()
    found = sorted(_rules(facts, site), key=lambda pair: not pair[0])
    reasons = [reason for _, reason in found] + list(_counters(facts, site))
    return tuple(reasons[:SHOWN])


def _rules(facts: Facts, site: LossSite) -> Iterator[tuple[bool, Reason]]:
    count = len(site.lost_rows)
    for layer in _LAYERS:
        for rule, delta in facts.rules_at(site, layer):
            if delta.value == count:
                what = "the dropping rule" if rule.drops else "the rule"
                text = (
                    f"{what} '{rule.place}: {rule.match}' was hit {counted(count, 'time')}, as often as "
                    "packets were lost"
                )
                yield rule.drops, Reason(text=text, source=delta.after)


def _counters(facts: Facts, site: LossSite) -> Iterator[Reason]:
    """Counters by name; one without a before snapshot counts from zero (a fresh namespace, or nstat's own deltas)."""
    count = len(site.lost_rows)
    mine = [c for c in facts.counters if c.node == site.node and c.family in _FAMILIES]
    before = {(c.family, c.scope, c.name): c.value for c in mine if c.snapshot == "before"}
    for counter in mine:
        key = (counter.family, counter.scope, counter.name)
        if counter.snapshot != "after" or counter.value is None:
            continue
        if counter.value - (before.get(key) or 0) == count:
            where = f" {counter.scope}" if counter.scope else ""
            text = f"{counter.family}{where} {counter.name} moved by {count}, as many as packets were lost"
            yield Reason(text=text, source=counter.source)
