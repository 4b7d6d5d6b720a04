"""Connections of which a host tracks the beginning only, because a flow table or its card carries them from then on.

conntrack marks such entries [OFFLOAD] or [HW_OFFLOAD] (Linux net/netfilter/nf_flow_table_core.c, net/sched/act_ct.c;
`conntrack -L`). Two faults meet there: one is this, the other gives way to it.
"""

from typing import Final

from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.weighing import Contradicted, Fact, Observed, Unknown
from lastseen.tables.endpoints import ends_of
from lastseen.tables.facts_from_texts import ConntrackEntry
from lastseen.tables.judgements import Reason

__all__ = ["offloaded"]

MARKS: Final = frozenset({"OFFLOAD", "HW_OFFLOAD"})


def offloaded(facts: Facts, site: LossSite) -> Fact:
    """That connection tracking of the hop's node has the lost packets' connection marked as offloaded."""
    lost = {frozenset(ends) for ends in ends_of(site.upstream.capture, site.lost_rows)}
    mine = [e for e in facts.conntrack if site.node in (None, e.node) and _tuples(e) & lost]
    for entry in mine:
        if entry.marks & MARKS:
            text = f"conntrack has the connection marked {', '.join(sorted(entry.marks & MARKS))}"
            return Observed(reason=Reason(text=text, source=entry.source))
    if mine:
        text = "conntrack has the connection, and not marked as offloaded"
        return Contradicted(reason=Reason(text=text, source=mine[0].source))
    return Unknown(missing="conntrack -L of the hop while it happens (marks OFFLOAD, HW_OFFLOAD)")


def _tuples(entry: ConntrackEntry) -> set[frozenset[object]]:
    """The ends of both directions."""
    return {
        frozenset((entry.original_src, entry.original_dst)),
        frozenset((entry.reply_src, entry.reply_dst)),
    }
