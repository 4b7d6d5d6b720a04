"""A segment outside the window passes a translating host as it came, and the end that gets it resets the connection.

NAT changes what belongs to an entry of connection tracking. A segment that tracking calls invalid (Linux
net/netfilter/nf_conntrack_proto_tcp.c, tcp_in_window) belongs to none: where no rule drops it, it goes on with the
address of the server behind the service. Its receiver knows no such connection and answers with a reset, which the
server takes for the end of the real one (kubernetes issue 74839, kube-proxy).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from lastseen.faults.counting import counter_covers
from lastseen.faults.facts import ConversationFacts, Facts, LossSite
from lastseen.faults.invalid import OUT_OF_WINDOW
from lastseen.faults.tracking_table import FAMILIES
from lastseen.faults.tracks import Track
from lastseen.faults.untranslated import same_packet_at, translated_ends
from lastseen.faults.weighing import (
    Account,
    Contradicted,
    Fact,
    Observed,
    Unknown,
    first_known,
    holds,
    weigh,
)
from lastseen.faults.windows import outside_window
from lastseen.tables.endpoints import ends_at
from lastseen.tables.flow_text import address_and_port
from lastseen.tables.judgements import Judgement, Reason, Refuted, Remedy, Step, Untestable
from lastseen.tables.packets import FLAGS, LENGTH_FLAGS, SEQ
from lastseen.tables.points import source_of

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "conntrack_out_of_window_reset"
TITLE: Final = (
    "a segment outside the window passes NAT untranslated, and the end that gets it resets the connection"
)
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "conntrack_out_of_window": "there a rule drops what lies outside the window, and nobody resets",
    "conntrack_midstream": "there the host forgot the connection, and its segments lie inside the window",
    "reset_injected": "there the reset is at no point nearer its sender, under no address",
}
ON_ITS_WAY_NS: Final = 1_000_000_000
"""What was sent before the reset arrived follows it by a round trip, which is below TCP's first timeout (RFC 6298)."""
MOST_LOOKED_AT: Final = 50
"""Packets of a hop that are looked for behind it; the first of them ends the connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stray:
    """A packet (`row` upstream, `copy` downstream) that kept its ends; `track`: its connection upstream, it at `at`."""

    site: LossSite
    conversation: ConversationFacts
    row: int
    copy: int
    ends: tuple[str, str]
    track: Track
    at: int


def judge(facts: Facts) -> Judgement:
    """Supported where a segment outside the window kept its address, was reset for it, and the connection ended."""
    return weigh(SLUG, (_account(stray, facts) for stray in _strays(facts)), otherwise=_otherwise(facts))


def _otherwise(facts: Facts) -> Judgement:
    if any(len(c.seen_at) > 1 for c in facts.in_focus()):
        text = "no packet of a translated connection left a hop with the address it came with"
        return Refuted(fault=SLUG, against=(Reason(text=text),))
    return Untestable(fault=SLUG, missing=("captures on both sides of the host that translates",))


def _strays(facts: Facts) -> Iterator[_Stray]:
    by_number = {c.number: c for c in facts.in_focus()}
    for site in facts.sites:
        for number in sorted(site.conversations & by_number.keys()):
            track = facts.tracks.of(number, site.hop.upstream)
            for at in np.flatnonzero(np.isin(track.rows, site.missing_rows))[:MOST_LOOKED_AT].tolist():
                row = int(track.rows[at])
                ends = translated_ends(site, row)
                copy = same_packet_at(site.upstream, row, site.downstream) if ends else None
                if ends is not None and copy is not None:
                    yield _Stray(
                        site=site, conversation=by_number[number], row=row, copy=copy, ends=ends, track=track, at=at
                    )  # fmt: skip


def _account(stray: _Stray, facts: Facts) -> Account:
    logged = _logged(stray, facts)
    counted = first_known(
        [
            counter_covers(facts, stray.site, family, "invalid", what="conntrack's invalid counter")
            for family in FAMILIES
        ]
    )
    host = facts.host(stray.site.node)
    sender, _ = ends_at(stray.site.upstream.capture, stray.row)
    return Account(
        required=(
            _untranslated(stray),
            first_known([logged, _reckoned(stray)]),
            _reset(stray),
            _ended(stray),
        ),
        agreeing=(logged, counted),
        refuting=(Observed(reason=counted.reason),) if isinstance(counted, Contradicted) else (),
        summary=f"a segment of {stray.conversation.text} lies outside the window that {host} knows, leaves it as "
        f"{address_and_port(sender)} instead of {stray.ends[1]}, and is answered with a reset that ends the connection",
        component=f"NAT on {host}, which lets what connection tracking calls invalid go on untranslated",
        hop=stray.site.number,
        remedies=_remedies(host),
        next=_NEXT,
    )


def _untranslated(stray: _Stray) -> Fact:
    sender, receiver = (address_and_port(end) for end in ends_at(stray.site.upstream.capture, stray.row))
    text = (
        f"a segment from {sender} to {receiver} leaves the hop as it came, while others of its connection leave it "
        f"with {stray.ends[1]} for {stray.ends[0]}"
    )
    return Observed(reason=Reason(text=text, source=source_of(stray.site.downstream, stray.copy)))


def _logged(stray: _Stray, facts: Facts) -> Fact:
    """What the kernel's log says of this very packet, joined to it on either side of the hop."""
    hop = stray.site.hop
    lines = [
        joined.line
        for joined in facts.lines("conntrack_invalid", stray.site.node)
        if facts.row_at(joined, hop.upstream, hop.direction) == stray.row
        or (joined.point, joined.row) == (hop.downstream, stray.copy)
    ]
    fitting = [line for line in lines if OUT_OF_WINDOW.search(line.reason)]
    if fitting:
        text = f'a kernel log line says of it "{fitting[0].reason}"'
        return Observed(reason=Reason(text=text, source=fitting[0].source))
    if lines:
        text = f'conntrack called it invalid for another reason: "{lines[0].reason}"'
        return Contradicted(reason=Reason(text=text, source=lines[0].source))
    return Unknown(
        missing="the kernel log with net.netfilter.nf_conntrack_log_invalid=255, which names the bound"
    )


def _reckoned(stray: _Stray) -> Fact:
    bound = outside_window(stray.track, stray.at)
    source = stray.track.source(stray.at)
    text = f"it lies outside the window: {bound}" if bound else "it lies inside the window of its connection"
    return holds(bound, Reason(text=text, source=source))


def _reset(stray: _Stray) -> Fact:
    """That the end which got the segment answered it: a reset of just that flow, with the number it acknowledged."""
    point, packets = stray.site.downstream, stray.site.downstream.capture.packets
    number = int(stray.track.of("tcp_ack")[stray.at])
    wanted = ends_at(point.capture, stray.copy)[::-1]
    resets = np.flatnonzero(((packets[:, LENGTH_FLAGS] & FLAGS["R"]) > 0) & (packets[:, SEQ] == number))
    answers = [row for row in resets.tolist() if ends_at(point.capture, row) == wanted]
    if answers:
        text = f"{address_and_port(wanted[0])} answers it with a reset, as it knows no such connection"
        return Observed(reason=Reason(text=text, source=source_of(point, answers[0])))
    text = f"nobody answered it with a reset at {point.name}"
    return Contradicted(reason=Reason(text=text, source=source_of(point, stray.copy)))


def _ended(stray: _Stray) -> Fact:
    """That this reset reached the segment's sender and ended the connection there.

    What was already on its way may follow; from then on the sender is silent or answers with resets of its own.
    """
    track, side = stray.track, stray.track.from_client[stray.at]
    number = int(track.of("tcp_ack")[stray.at])
    resets = track.only(track.flags("R") & (track.from_client != side) & (track.of("tcp_seq") == number))
    if not len(resets):
        text = f"no such reset was seen at {track.point.name}"
        return Contradicted(reason=Reason(text=text, source=track.source(stray.at)))
    own = track.only(track.from_client == side)
    after = own.only(own.times_ns > resets.times_ns[0])
    gone = bool(after.flags("R").any())
    late = after.only(~after.flags("R") & (after.times_ns > resets.times_ns[0] + ON_ITS_WAY_NS))
    if len(late) or (own.flags("F").any() and not gone):
        text = f"that reset comes back by {track.point.name}, and the sender goes on or closes as usual"
        return Contradicted(reason=Reason(text=text, source=(late if len(late) else own).source(-1)))
    then = "answers what still comes with resets" if gone else "falls silent"
    text = f"that reset comes back by {track.point.name}, and the segment's sender {then}"
    return Observed(reason=Reason(text=text, source=resets.source()))


def _remedies(host: str) -> tuple[Remedy, ...]:
    where = f"{host}, in the network namespace that translates"
    return (
        Remedy(
            title="Let conntrack be liberal about windows",
            where=where,
            commands=("sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=1",),
            price="none at once",
            risk="only resets are still checked against the window, for all connections of the namespace",
            check="transfers are no longer reset, and the invalid counter stands still",
            undo=("sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=0",),
        ),
        Remedy(
            title="Drop what conntrack calls invalid instead of forwarding it",
            where=f"{where}; kube-proxy does so by itself since 1.15 unless be_liberal is set",
            commands=("iptables -I FORWARD -m conntrack --ctstate INVALID -j DROP",),
            price="a rule",
            risk="medium: connections of which this host sees one direction only break",
            check="transfers are no longer reset; the rule's hits rise instead",
            undo=("iptables -D FORWARD -m conntrack --ctstate INVALID -j DROP",),
        ),
    )


_NEXT: Final = (
    Step(
        text="Look for segments with an address the client never spoke to, and what conntrack says of them.",
        commands=(
            "tcpdump -ni any 'host CLIENT and host SERVER_BEHIND_THE_SERVICE'   # on the client's side",
            "sysctl -w net.netfilter.nf_conntrack_log_invalid=6   # set back to 0 afterwards",
            "conntrack -S",
        ),
    ),
)
