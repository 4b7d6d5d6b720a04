"""How full a host's table of tracked connections is, of what, what it refused, and how long it remembers.

Linux net/netfilter/nf_conntrack_core.c: __nf_conntrack_alloc() says "table full, dropping packet" where
nf_conntrack_count passes nf_conntrack_max and nothing can be evicted; __nf_conntrack_confirm() counts insert_failed
where a flow cannot be entered.
"""

from typing import Final

from lastseen.faults.counting import counter_covers, logged
from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.weighing import Contradicted, Fact, Observed, Unknown, first_known
from lastseen.tables.counted import agreed
from lastseen.tables.facts_from_texts import ConntrackEntry
from lastseen.tables.judgements import Reason

__all__ = [
    "FAMILIES",
    "full_of_tunnels",
    "insert_failed",
    "remembers_longer",
    "table_was_full",
    "tracked",
    "tracking_count",
]

FAMILIES: Final = ("conntrack", "conntrack_proc")
"""Counters of `conntrack -S` and of /proc/net/stat/nf_conntrack."""
FULL_TOPIC: Final = "conntrack_table_full"
COUNT, MAXIMUM = "net.netfilter.nf_conntrack_count", "net.netfilter.nf_conntrack_max"
TIMEOUTS: Final = tuple(
    f"net.netfilter.nf_conntrack_tcp_timeout_{name}"
    for name in ("established", "unacknowledged", "max_retrans")
)
"""What an open connection may be remembered for (Linux net/netfilter/nf_conntrack_proto_tcp.c)."""
TUNNEL_PORTS: Final = (4789, 6081, 8472)
"""VXLAN (RFC 7348), Geneve (RFC 8926), and the port Linux used for VXLAN before it had one."""
MOST_SHARE: Final = 2
FEWEST_ENTRIES: Final = 20
"""Of fewer entries no share is worth saying."""


def remembers_longer(facts: Facts, site: LossSite, pause_ns: int) -> Fact:
    """That the hop's node remembers an open connection for longer than a pause; contradicted where it does not.

    A timeout policy of a rule (nft "ct timeout", iptables "CT --timeout") overrides the settings, so that the rules
    have to be known as well.
    """
    found = [s for name in TIMEOUTS for s in facts.setting(name, site.node) if s.value.isdecimal()]
    if site.node is None or TIMEOUTS[0] not in {s.name for s in found}:
        return Unknown(missing=f"sysctl {TIMEOUTS[0]} of the hop, and its rules")
    shortest = min(found, key=lambda s: int(s.value))
    text = f"{shortest.name} = {shortest.value} s, and the pause was {pause_ns / 1e9:.2f} s"
    if int(shortest.value) * 1_000_000_000 <= pause_ns:
        return Contradicted(reason=Reason(text=text, source=shortest.source))
    rules = [r for r in facts.rules if r.node == site.node and r.layer in ("nft", "iptables")]
    if not rules or any("timeout" in f"{r.match} {r.actions}" for r in rules):
        return Unknown(missing="rules of the hop that set no timeout of their own (nft list ruleset)")
    return Observed(reason=Reason(text=f"{text}: too short to be forgotten", source=shortest.source))


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
        f"{len(outer)} of {len(entries)} tracked connections {agreed(len(outer), 'are')} outer flows of "
        f"tunnels, {unanswered} of them seen in "
        "one direction only"
    )
    return Observed(reason=Reason(text=text, source=outer[0].source))


def _is_tunnel(entry: ConntrackEntry) -> bool:
    return entry.proto == "gre" or (entry.proto == "udp" and entry.original_dst.port in TUNNEL_PORTS)
