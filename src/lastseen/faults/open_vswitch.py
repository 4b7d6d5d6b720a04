"""What Open vSwitch itself says of packets it did not carry: what the faults of its datapath have in common.

Its kernel part frees such packets without an event a drop trace sees, and no OpenFlow rule counts them; counters of
the datapath and the log of ovs-vswitchd are the only layers that tell (Open vSwitch lib/dpif-netlink.c,
ofproto/ofproto-dpif-upcall.c, ofproto/ofproto-dpif-xlate.c, 2.5 to 3.3).
"""

from typing import Final

from lastseen.faults.counting import counter_covers, counter_rose, logged
from lastseen.faults.facts import Facts, JoinedLine, LossSite
from lastseen.faults.weighing import Fact, Unknown, holds
from lastseen.tables.counted import counted
from lastseen.tables.endpoints import Endpoint, ends_of
from lastseen.tables.judgements import Reason

__all__ = ["at_flow_limit", "lines_about_lost", "upcalls_lost"]

LIMIT_REACHED: Final = 0.95
"""Of the limit: revalidators evict before the very last flow, and the count is read some time later."""
_LOST: Final = "the datapath's count of lost upcalls"
_AT_LIMIT: Final = ("upcall_flow_limit_hit", "upcall_flow_limit_kill", "upcall_flow_limit_reduced")
"""Events of ovs-vswitchd: `hit` since 2.14, the others since 3.3."""


def upcalls_lost(facts: Facts, site: LossSite) -> tuple[Fact, ...]:
    """What tells that packets were lost on their way to ovs-vswitchd, the surest first.

    Contradicted in the first where the datapath's counter moved by less than what was lost at the hop.
    """
    return (
        counter_covers(facts, site, "datapath", "lost", what=_LOST),
        logged(facts, "ovs_lost_packet", site.node, "ovs-vswitchd lost packets"),
        counter_rose(
            facts, site.node, "datapath_port", ("upcall_errors",), what="a port's count of failed upcalls"
        ),
    )


def at_flow_limit(facts: Facts, node: str | None) -> tuple[Fact, ...]:
    """What tells that the datapath had as many flows as it may have, after the run began."""
    return (
        _flows_beside_limit(facts, node),
        counter_rose(
            facts, node, "ovs_coverage", _AT_LIMIT, what="the switch's count of flows refused at the limit"
        ),
    )


def _flows_beside_limit(facts: Facts, node: str | None) -> Fact:
    """Current flows beside their limit in one `upcall/show`; what was before the run says nothing of it."""
    mine = [
        c
        for c in facts.counters
        if c.family == "ovs_upcall" and c.snapshot != "before" and node in (None, c.node)
    ]
    limits = {(c.node, c.snapshot, c.scope): c.value for c in mine if c.name == "flows_limit"}
    fullest: tuple[float, Reason] | None = None
    for counter in mine:
        limit = limits.get((counter.node, counter.snapshot, counter.scope))
        if counter.name == "flows_current" and counter.value is not None and limit:
            reason = Reason(
                text=f"{counted(counter.value, 'datapath flow')}, the limit is {limit}", source=counter.source
            )
            fullest = max(
                fullest or (-1.0, reason), (counter.value / limit, reason), key=lambda pair: pair[0]
            )
    if fullest is None:
        return Unknown(missing="ovs-appctl upcall/show while packets are lost")
    return holds(fullest[0] >= LIMIT_REACHED, fullest[1])


def lines_about_lost(facts: Facts, site: LossSite, topic: str) -> list[JoinedLine]:
    """Log lines of a topic that describe one of the lost packets by its ends, or describe none at all."""
    lines = facts.lines(topic, site.node)
    ends = ends_of(site.upstream.capture, site.lost_rows) if lines else []
    return [line for line in lines if _describes(line, ends)]


def _describes(joined: JoinedLine, ends: list[tuple[Endpoint, Endpoint]]) -> bool:
    packet = joined.line.packet
    return packet is None or any(
        _fits(packet.src, source) and _fits(packet.dst, target) for source, target in ends
    )


def _fits(described: Endpoint, end: Endpoint) -> bool:
    """A flow without ports (0) is of every port."""
    return described.address == end.address and described.port in (0, end.port)
