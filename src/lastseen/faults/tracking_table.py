"""How full a host's table of tracked connections is, of what, and what it refused.

Linux net/netfilter/nf_conntrack_core.c: __nf_conntrack_alloc() says "table full, dropping packet" where
nf_conntrack_count passes nf_conntrack_max and nothing can be evicted; __nf_conntrack_confirm() counts insert_failed
where a flow cannot be entered.
"""

from typing import Final

from lastseen.faults.counting import counter_covers, logged
from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.weighing import Fact, Observed, Unknown, first_known
from lastseen.tables.facts_from_texts import ConntrackEntry
from lastseen.tables.judgements import Reason

__all__ = ["FAMILIES", "full_of_tunnels", "insert_failed", "table_was_full", "tracked", "tracking_count"]

FAMILIES: Final = ("conntrack", "conntrack_proc")
"""Counters of `conntrack -S` and of /proc/net/stat/nf_conntrack."""
FULL_TOPIC: Final = "conntrack_table_full"
COUNT, MAXIMUM = "net.netfilter.nf_conntrack_count", "net.netfilter.nf_conntrack_max"
TUNNEL_PORTS: Final = (4789, 6081, 8472)
"""VXLAN (RFC 7348), Geneve (RFC 8926), and the port Linux used for VXLAN before it had one."""
MOST_SHARE: Final = 2
FEWEST_ENTRIES: Final = 20
"""Of fewer entries no share is worth saying."""


def table_was_full(facts: Facts, node: str | None) -> tuple[Fact, ...]:
    """What the host says of its table: the log first, then the count beside its limit."""
    return logged(facts, FULL_TOPIC, node, "the table was full"), _count_at_limit(facts, node)


def _count_at_limit(facts: Facts, node: str | None) -> Fact:
    """That nf_conntrack_count had reached nf_conntrack_max in the same snapshot of a node."""
    limits = {(s.node, s.snapshot): s for s in facts.setting(MAXIMUM, node)}
    for count in facts.setting(COUNT, node):
        limit = limits.get((count.node, count.snapshot))
        if limit is None or not (count.value.isdecimal() and limit.value.isdecimal()):
            continue
        if 0 < int(limit.value) <= int(count.value):
            text = f"{count.value} connections were tracked, the limit is {limit.value}"
            return Observed(reason=Reason(text=text, source=count.source))
    return Unknown(missing="nf_conntrack_count and nf_conntrack_max while packets are lost")


def tracking_count(facts: Facts, site: LossSite, name: str, what: str) -> Fact:
    """That one of connection tracking's counters moved by what was lost, or more; contradicted where by less."""
    told = [counter_covers(facts, site, family, name, what=what) for family in FAMILIES]
    return first_known(told)


def insert_failed(facts: Facts, site: LossSite) -> Fact:
    """That conntrack could not enter as many flows as packets were lost."""
    return tracking_count(
        facts, site, "insert_failed", "conntrack's count of flows it could not enter (insert_failed)"
    )


def tracked(facts: Facts, node: str | None) -> list[ConntrackEntry]:
    """What a node tracked, by the listing nearest to what happened: during it, after it, whenever, before it."""
    entries = [e for e in facts.conntrack if node in (None, e.node)]
    for snapshot in ("mid", "after", "", "before"):
        found = [e for e in entries if e.snapshot == snapshot]
        if found:
            return found
    return []


def full_of_tunnels(facts: Facts, node: str | None) -> Fact:
    """That most tracked connections of a node are outer flows of tunnels."""
    entries = tracked(facts, node)
    outer = [e for e in entries if _is_tunnel(e)]
    if len(entries) < FEWEST_ENTRIES or len(outer) * MOST_SHARE <= len(entries):
        return Unknown(missing="conntrack -L of the hop in which most entries are outer flows of tunnels")
    unanswered = sum("UNREPLIED" in e.marks for e in outer)
    text = (
        f"{len(outer)} of {len(entries)} tracked connections are outer flows of tunnels, {unanswered} of them seen in "
        "one direction only"
    )
    return Observed(reason=Reason(text=text, source=outer[0].source))


def _is_tunnel(entry: ConntrackEntry) -> bool:
    return entry.proto == "gre" or (entry.proto == "udp" and entry.original_dst.port in TUNNEL_PORTS)
