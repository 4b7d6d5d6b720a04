"""Whether counters, rules and log lines moved by as much as was lost: how the layers that see no packets agree.

Counts are read while packets still come, so they may differ by one or two; a difference is said, never hidden.
"""

from collections.abc import Iterable
from typing import Final

from lastseen.faults.facts import Delta, Facts, JoinedLine, LossSite
from lastseen.faults.weighing import Contradicted, Fact, Observed, Unknown
from lastseen.tables.counted import counted
from lastseen.tables.facts_from_texts import Rule
from lastseen.tables.judgements import Reason

__all__ = [
    "agrees",
    "counter_agrees",
    "counter_covers",
    "counter_rose",
    "dropping_rules",
    "joined_to_lost",
    "logged",
    "lost_at",
    "moved_text",
]

LAG_PACKETS: Final = 2
"""Counters read while packets still come lag by one or two (measured on the recorded cases)."""
LAG_SHARE: Final = 3
"""Of few lost packets at most one in so many may be uncounted or counted too much."""
LAYERS: Final = ("nft", "iptables", "openflow", "datapath")


def lost_at(site: LossSite) -> int:
    """Packets that never arrived, unproven ones included: whoever dropped them counted both."""
    return len(site.lost_rows) + len(site.unproven_rows)


def agrees(value: int, lost: int) -> bool:
    """Whether a counter moved by as much as was lost, allowing for the moment it was read."""
    slack = min(LAG_PACKETS, lost // LAG_SHARE)
    return value > 0 and lost - slack <= value <= lost + slack


def moved_text(what: str, delta: Delta, lost: int) -> str:
    """How far something moved beside what was lost, with the likely reason of a difference."""
    if delta.value == lost:
        return f"{what} moved by {delta.value}, one for each lost packet"
    lag = (
        "the snapshot was read before the last ones came"
        if delta.value < lost
        else "other packets were counted too"
    )
    return f"{what} moved by {delta.value} for {counted(lost, 'lost packet')} ({lag})"


def counter_agrees(facts: Facts, site: LossSite, family: str, names: Iterable[str], *, what: str) -> Fact:
    """That one of these counters of the hop's node moved by as much as was lost there. `what` names it in words."""
    lost = lost_at(site)
    for name in names:
        delta = facts.counter_delta(family, name, site.node)
        if delta is not None and agrees(delta.value, lost):
            return Observed(reason=Reason(text=moved_text(what, delta, lost), source=delta.after))
    return Unknown(missing=f"{what}, before and after, moved by what was lost")


def counter_covers(facts: Facts, site: LossSite, family: str, name: str, *, what: str) -> Fact:
    """That a counter of the hop's node moved by what was lost, or more; contradicted where it moved by less.

    For counters of one cause alone that other traffic moves as well.
    """
    lost = lost_at(site)
    delta = facts.counter_delta(family, name, site.node)
    if delta is None:
        return Unknown(missing=f"{what}, before and after")
    if delta.value >= lost or agrees(delta.value, lost):
        return Observed(reason=Reason(text=moved_text(what, delta, lost), source=delta.after))
    text = f"{what} moved by {delta.value} only, and {counted(lost, 'packet', 'are')} missing"
    return Contradicted(reason=Reason(text=text, source=delta.after))


def counter_rose(facts: Facts, node: str | None, family: str, names: Iterable[str], *, what: str) -> Fact:
    """That one of these counters moved at all, where other traffic is counted with the lost packets."""
    delta = facts.moved(family, names, node)
    if delta is not None:
        return Observed(reason=Reason(text=f"{what} rose by {delta.value}", source=delta.after))
    return Unknown(missing=f"{what}, before and after")


def logged(facts: Facts, topic: str, node: str | None, what: str) -> Fact:
    """That a log holds lines of a topic. `what` says in words what they tell."""
    lines = facts.lines(topic, node)
    if lines:
        count = f"{len(lines)} lines" if len(lines) > 1 else "a line"
        text = f'{what}: {count} in the log, "{lines[0].line.text.strip()[:120]}"'
        return Observed(reason=Reason(text=text, source=lines[0].line.source))
    return Unknown(missing=f"the kernel log of that time ({what})")


def joined_to_lost(facts: Facts, site: LossSite, lines: Iterable[JoinedLine]) -> list[JoinedLine]:
    """Lines joined to a packet lost (or unproven) at this site, wherever on its way they were joined."""
    rows = set(site.missing_rows.tolist())
    return [line for line in lines if facts.row_at(line, site.hop.upstream, site.hop.direction) in rows]


def dropping_rules(facts: Facts, site: LossSite) -> list[tuple[Rule, Delta]]:
    """Rules of the hop's node that discard packets and were hit by as many as were lost."""
    lost = lost_at(site)
    return [
        (rule, delta)
        for layer in LAYERS
        for rule, delta in facts.rules_at(site, layer)
        if rule.drops and agrees(delta.value, lost)
    ]
