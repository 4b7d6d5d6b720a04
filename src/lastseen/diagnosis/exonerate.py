"""Who is not to blame, and what proves it: said only of what a support engineer would suspect next."""

from collections.abc import Iterator

import numpy as np

from lastseen.faults.facts import ConversationFacts, Facts, LossSite
from lastseen.tables.counted import all_of, counted
from lastseen.tables.details import column
from lastseen.tables.diagnosis import Exonerated
from lastseen.tables.judgements import Reason
from lastseen.tables.points import LOST, REMOTE_TO_CLIENT, UNPROVEN, Hop, source_of
from lastseen.tables.sources import Source

__all__ = ["exonerated"]

LARGE_BYTES = 1000
"""Packets at least this long fill queues first; when they pass and short ones do not, it is no congestion."""


def exonerated(facts: Facts, site: LossSite | None) -> tuple[Exonerated, ...]:
    """Everything the evidence clears, given where packets were lost."""
    found = [
        *_remote(facts, site),
        *_network(facts, site),
        *_nics(facts, site),
        *_congestion(site),
        *_guest(facts, site),
    ]
    return tuple(found)


def _worst(facts: Facts, site: LossSite) -> ConversationFacts | None:
    return next((c for c in facts.conversations if c.number in site.conversations), None)


def _remote(facts: Facts, site: LossSite | None) -> Iterator[Exonerated]:
    """The remote end closed the connection and repeated it: it did its part."""
    if site is None or not site.to_client:
        return
    conversation = _worst(facts, site)
    if conversation is None or not conversation.fins or not conversation.fins[0]:
        return
    first = facts.matching.points[conversation.seen_at[0]]
    frames = conversation.fins[0]
    text = f"it closed the connection: {len(frames)} FIN{'s' if len(frames) > 1 else ''} seen at {first.name}"
    yield Exonerated(
        what="the remote server", reason=Reason(text=text, source=source_of(first, frames[0] - 1))
    )


def _before(facts: Facts, site: LossSite) -> list[Hop]:
    """Hops of the lost packets' direction that lie before the loss, and lost nothing."""
    path = (
        range(site.hop.upstream)
        if site.to_client
        else range(len(facts.matching.points) - 1, site.hop.upstream, -1)
    )
    upstreams = set(path)
    return [h for h in facts.matching.hops if h.direction == site.hop.direction and h.upstream in upstreams]


def _network(facts: Facts, site: LossSite | None) -> Iterator[Exonerated]:
    """Every hop before the losing one delivered everything."""
    if site is None:
        return
    hops = _before(facts, site)
    if not hops or any(hop.count(LOST) or hop.count(UNPROVEN) for hop in hops):
        return
    points = facts.matching.points
    first, last = (hops[0], hops[-1]) if site.hop.direction == REMOTE_TO_CLIENT else (hops[-1], hops[0])
    count = int(np.count_nonzero(first.fate))
    if not count:
        return  # a way that nothing took has not been shown to work
    way = f"from {points[first.upstream].name} to {points[last.downstream].name}"
    text = f"{all_of(count, 'packet')} of this direction got {way}"
    source = Source(file=points[last.downstream].file)
    yield Exonerated(what="the network before that hop", reason=Reason(text=text, source=source))


def _nics(facts: Facts, site: LossSite | None) -> Iterator[Exonerated]:
    """No interface of the host counted a drop or error between the snapshots."""
    if site is None or site.node is None:
        return
    names = {site.upstream.interface, site.downstream.interface} - {""}
    moved: dict[str, int] = {}
    last = None
    before = {
        (c.scope, c.name): c
        for c in facts.counters
        if c.family == "link" and c.node == site.node and c.snapshot == "before"
    }
    for counter in facts.counters:
        if counter.family != "link" or counter.node != site.node or counter.snapshot != "after":
            continue
        if counter.name not in ("rx_dropped", "rx_errors", "rx_missed", "tx_dropped", "tx_errors"):
            continue
        earlier = before.get((counter.scope, counter.name))
        if earlier is None or earlier.value is None or counter.value is None:
            continue
        if counter.scope in names or not counter.scope.startswith(("lo", "ovs-system", "br-")):
            inward = counter.name.startswith("rx_") or counter.scope == site.downstream.interface
            if inward:
                moved[counter.scope] = moved.get(counter.scope, 0) + counter.value - earlier.value
                last = counter.source
    if moved and not any(moved.values()):
        text = f"no drop or error counted on the way in by {', '.join(sorted(moved))}"
        yield Exonerated(what="network cards and their drivers", reason=Reason(text=text, source=last))


def _congestion(site: LossSite | None) -> Iterator[Exonerated]:
    """Large packets passed the hop while short ones vanished."""
    if site is None or not len(site.lost) or not len(site.delivered):
        return
    large = column(site.delivered, "frame_len")
    longest_lost = int(column(site.lost, "frame_len").max())
    passed = int(np.count_nonzero(large > longest_lost))
    if longest_lost < LARGE_BYTES and passed:
        text = (
            f"{counted(passed, 'longer packet')} (up to {int(large.max())} bytes) passed;"
            f" only packets of at most {longest_lost} bytes vanished"
        )
        frame = int(column(site.delivered, "frame_number")[int(np.argmax(large))])
        yield Exonerated(what="congestion", reason=Reason(text=text, source=site.source(frame - 1)))


def _guest(facts: Facts, site: LossSite | None) -> Iterator[Exonerated]:
    """Everything that reached the point after the loss also reached the client."""
    if site is None or not site.to_client:
        return
    after = [
        h
        for h in facts.matching.hops
        if h.direction == site.hop.direction and h.upstream >= site.hop.downstream
    ]
    if not after or any(hop.count(LOST) or hop.count(UNPROVEN) for hop in after):
        return
    points = facts.matching.points
    text = f"everything that reached {points[after[0].upstream].name} also reached {points[after[-1].downstream].name}"
    source = Source(file=points[after[-1].downstream].file)
    yield Exonerated(what="the client and its system", reason=Reason(text=text, source=source))
