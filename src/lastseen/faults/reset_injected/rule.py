"""A device between the two ends resets the connection in the name of one of them.

Firewalls that reject, load balancers that forgot, intrusion prevention: the reset carries the address of an end
that never sent it. A capture nearer that end does not have it; its TTL, IP id and window are another stack's.
"""

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.faults.facts import ConversationFacts, Facts
from lastseen.faults.refusals import owners
from lastseen.faults.tracks import Track
from lastseen.faults.untranslated import same_packet_at
from lastseen.faults.weighing import Account, Fact, Observed, Unknown, observed_reasons, weigh
from lastseen.matching.fates import QUEUED_NS
from lastseen.matching.turned import ends_in, turned_ends
from lastseen.tables.endpoints import ends_at
from lastseen.tables.judgements import Judgement, Reason, Refuted, Remedy, Step, Untestable
from lastseen.tables.packets import ACK, FLAGS, LENGTH_FLAGS, SEQ
from lastseen.tables.points import Point, source_of
from lastseen.tables.sources import Source

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "reset_injected"
TITLE: Final = "a device in between resets the connection in the name of an end"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "firewall_deny": "there a rule that rejects is in evidence, and is the device",
    "port_closed": "there the server's own stack resets, and the point nearest to it shows it",
    "duplicate_address": "there a second host answers for the address",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reset:
    """Resets of one side which the point `before`, nearer that side, does not have (`nearer` None: it saw nothing)."""

    conversation: ConversationFacts
    resets: Track
    before: Point
    nearer: Track | None
    client: bool


def judge(facts: Facts) -> Judgement:
    """Supported where a reset is seen that a point nearer its supposed sender has not."""
    accounts = [_account(reset, facts) for reset in _injected(facts)]
    return weigh(SLUG, accounts, otherwise=_otherwise(facts))


def _otherwise(facts: Facts) -> Judgement:
    if any(len(c.seen_at) > 1 for c in facts.in_focus()):
        text = "every reset was seen at the point nearer its sender, too"
        return Refuted(fault=SLUG, against=(Reason(text=text),))
    return Untestable(fault=SLUG, missing=("a second capture, nearer the end that seems to reset",))


def _injected(facts: Facts) -> Iterator[_Reset]:
    """For each connection and side the first hop at which a reset appears from nowhere."""
    turned = functools.cache(turned_ends)  # of a point, whatever connection is asked about
    for conversation in facts.in_focus():
        for client in (True, False):
            way = conversation.seen_at[::-1] if client else conversation.seen_at
            for near, far in itertools.pairwise(way):
                before = facts.tracks.of(conversation.number, near)
                after = facts.tracks.of(conversation.number, far)
                resets = after.only((after.from_client == client) & after.flags("R"))
                own = before.only((before.from_client == client) & before.flags("R"))
                fresh = resets.only(~np.isin(resets.of("tcp_seq"), own.of("tcp_seq")))
                fresh = fresh.only(_not_sent_to_another(fresh, before.point))
                if len(fresh) and ends_in(fresh.point, int(fresh.rows[0])) in turned(before.point):
                    continue  # the packets of a router's own interface are on no side of it
                if len(fresh) and not len(own):
                    yield _Reset(
                        conversation=conversation,
                        resets=fresh,
                        before=before.point,
                        nearer=before,
                        client=client,
                    )
                    break
            else:
                yield from _before_any(conversation, way[0], facts, client=client)


def _not_sent_to_another(resets: Track, before: Point) -> npt.NDArray[np.bool_]:
    """bool[n]: which of the resets the nearer point does not have under their own addresses, as NAT left them."""
    found = [same_packet_at(resets.point, row, before) is None for row in resets.rows.tolist()]
    return np.array(found, np.bool_)


def _before_any(
    conversation: ConversationFacts, first: int, facts: Facts, *, client: bool
) -> Iterator[_Reset]:
    """A reset at the point nearest its sender of those that saw the connection, where a nearer one saw nothing."""
    silent = _silent_before(first, facts, client=client)
    seen = facts.tracks.of(conversation.number, first)
    resets = seen.only((seen.from_client == client) & seen.flags("R"))
    if silent is not None and len(resets) and not (seen.from_client[~seen.flags("R")] == client).any():
        yield _Reset(conversation=conversation, resets=resets, before=silent, nearer=None, client=client)


def _silent_before(point: int, facts: Facts, *, client: bool) -> Point | None:
    """The neighbour on the sender's side whose unfiltered capture, known to have run meanwhile, is empty."""
    order = facts.matching.order
    place = order[point]
    wanted = None if place is None else place + (1 if client else -1)
    number = next((n for n, other in enumerate(order) if other is not None and other == wanted), None)
    if number is None:
        return None
    found, here = facts.matching.points[number], facts.matching.points[point]
    watch = found.watch
    ran_on = not watch.is_cut and watch.end_ns is not None and watch.end_ns >= (here.last_ns or 0)
    return found if ran_on and not found.packets and not found.filter else None


def _account(reset: _Reset, facts: Facts) -> Account:
    side = "client" if reset.client else "remote end"
    at, before = reset.resets.point.name, reset.before.name
    resets = f"{len(reset.resets)} resets" if len(reset.resets) > 1 else "a reset"
    where = "are" if len(reset.resets) > 1 else "is"
    text = f"{resets} of the {side} {where} at {at} and not at {before}, nearer the {side}"
    rule = _rule(facts)
    return Account(
        required=(
            Observed(reason=Reason(text=text, source=reset.resets.source())),
            _still_watching(reset, facts),
        ),
        refuting=_seen_nearer(reset, facts),
        agreeing=() if isinstance(rule, Observed) else (_never_sent(reset, facts),),
        context=(*_odd(reset), *observed_reasons((rule,))),
        general=True,
        summary=f"a device between {before} and {at} resets {reset.conversation.text} in the name of the {side}",
        component=f"a device between {before} and {at}",
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _still_watching(reset: _Reset, facts: Facts) -> Fact:
    """The nearer point still watched when the reset would have come by there.

    What a capture that was cut had in its queues was seen by nobody; those of one connection keep their order.
    """
    before = reset.before
    if reset.nearer is None:
        text = f"the capture at {before.name} ran until after the reset and is empty"
        return Observed(reason=Reason(text=text, source=Source(file=before.file)))
    last = before.last_ns or 0
    end = last - QUEUED_NS if before.watch.is_cut else max(last, before.watch.end_ns or 0)
    if max(end, int(reset.nearer.times_ns[-1])) >= _due_ns(reset, facts):
        text = f"the capture at {before.name} ran on and saw the connection"
        return Observed(reason=Reason(text=text, source=reset.nearer.source()))
    return Unknown(missing=f"the capture at {before.name} until after the reset")


def _due_ns(reset: _Reset, facts: Facts) -> int:
    """When the reset would have come by the nearer point had its sender sent it, ns of that point's clock."""
    matching = facts.matching
    far, near = (matching.points.index(point) for point in (reset.resets.point, reset.before))
    ways = [hop.delays_ns for hop in matching.hops if (hop.upstream, hop.downstream) == (near, far)]
    travel = int(np.median(ways[0])) if ways and len(ways[0]) else 0
    shift = matching.offsets_ns[far] - matching.offsets_ns[near]
    return int(reset.resets.times_ns[0]) + shift - travel


def _seen_nearer(reset: _Reset, facts: Facts) -> tuple[Fact, ...]:
    """A point nearer the supposed sender has the reset after all, in a connection with other addresses.

    An answer that takes a way round the translation makes two connections of one; the reset is the end's own.
    """
    order, points = facts.matching.order, facts.matching.points
    here = order[points.index(reset.resets.point)]
    first = reset.resets.of("tcp_seq")[0], reset.resets.of("tcp_ack")[0]
    for place, point in zip(order, points, strict=True):
        beyond = place is not None and here is not None and (place < here) == reset.client
        if beyond or point is reset.resets.point:
            continue
        packets = point.capture.packets
        same = (packets[:, LENGTH_FLAGS] & FLAGS["R"] > 0) & (packets[:, SEQ] == first[0])
        found = np.flatnonzero(same & (packets[:, ACK] == max(first[1], 0)))
        if len(found):
            text = f"{point.name}, nearer the supposed sender, has the reset in another connection"
            return (Observed(reason=Reason(text=text, source=source_of(point, int(found[0])))),)
    return ()


def _odd(reset: _Reset) -> tuple[Reason, ...]:
    """How the reset differs from what its supposed sender sends at the same point."""
    track = reset.resets
    if reset.nearer is None:
        return ()
    others = reset.nearer.only((reset.nearer.from_client == reset.client) & ~reset.nearer.flags("R"))
    if not len(others):
        return ()
    ttl, usual = int(track.of("ip_ttl")[0]), int(np.median(others.of("ip_ttl")))
    if ttl < 0:  # a listing without them
        return ()
    text = f"its TTL is {ttl}, that of its supposed sender's packets {usual}; its IP id is {int(track.of('ip_id')[0])}"
    return (Reason(text=text, source=track.source()),)


def _never_sent(reset: _Reset, facts: Facts) -> Fact:
    """Every host that has the resets' address counted that it sent none; two may have it."""
    track = reset.resets
    sender, _ = ends_at(track.point.capture, int(track.rows[0]))
    nodes = owners(facts, sender.address)
    counted = [facts.counter_delta("nstat", "TcpOutRsts", node) for node in sorted(nodes)]
    silent = [sent for sent in counted if sent is not None and not sent.value]
    if nodes and len(silent) == len(nodes):
        hosts = " and ".join(facts.host(node) for node in sorted(nodes))
        text = f"{hosts}, whose address the resets carry, sent none: TcpOutRsts stood still"
        return Observed(reason=Reason(text=text, source=silent[0].after))
    return Unknown(missing="TcpOutRsts of the supposed sender, before and after (nstat)")


def _rule(facts: Facts) -> Fact:
    """A rule that answers with resets and was hit: the device may be that firewall, which `firewall_deny` proves."""
    for layer in ("nft", "iptables"):
        for rule, delta in facts.rule_deltas(None, layer):
            said = f"{rule.match} {rule.actions}"
            if ("tcp reset" in said or "tcp-reset" in said) and delta.value > 0:
                text = f"the rule '{rule.place}: {rule.match}' answered with resets {delta.value:,} times"
                return Observed(reason=Reason(text=text, source=delta.after))
    return Unknown(missing="the rules of the hop with their hits (reject with tcp reset), before and after")


_REMEDIES: Final = (
    Remedy(
        title="Let the device accept the connection, or say why not",
        where="the firewall, load balancer or intrusion prevention between the two points",
        commands=(),
        price="a change of its configuration",
        risk="medium: it protected something",
        check="no reset in a capture",
        undo=("the former configuration of the device",),
    ),
)
_NEXT: Final = (
    Step(
        text="Capture at more points: the reset appears behind the device that sends it.",
        commands=("tcpdump -ni DEVICE -v 'tcp[tcpflags] & tcp-rst != 0'",),
    ),
)
