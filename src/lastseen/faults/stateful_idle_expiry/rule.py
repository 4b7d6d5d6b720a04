"""A stateful hop forgot a connection that had been idle, and drops what comes next.

Connection tracking, NAT gateways and load balancers keep an idle connection for some time only: Linux five days (or
what nf_conntrack_tcp_timeout_established says), AWS NLB 350 s, Azure 4 min; keep-alives begin after two hours by
default. The first packet after the pause, and every repetition, belongs to nothing any more.
"""

from typing import Final

import numpy as np

from lastseen.faults.facts import ConversationFacts, Facts, LossSite
from lastseen.faults.invalid import judged_invalid
from lastseen.faults.patterns import has_flags, without_loss
from lastseen.faults.tracking_table import remembers_longer
from lastseen.faults.tracks import Track
from lastseen.faults.weighing import (
    Account,
    Contradicted,
    Fact,
    Observed,
    Unknown,
    first_observed,
    holds,
    weigh,
)
from lastseen.tables.counted import counted
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step
from lastseen.tables.points import LOST

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "stateful_idle_expiry"
TITLE: Final = "a stateful hop forgets an idle connection and drops what comes next"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "conntrack_half_close_expiry": "there one side had sent its FIN before the pause",
    "conntrack_midstream": "there the hop forgot all connections at one moment, idle or not",
    "link_flap": "there everything is lost for a while, and then passes again",
}
SHORTEST_NS: Final = 1_000_000_000
"""A pause shorter than the first retransmission timeout (RFC 6298) is no idleness."""
TIMEOUT: Final = "net.netfilter.nf_conntrack_tcp_timeout_established"


def judge(facts: Facts) -> Judgement:
    """Supported where every loss follows a pause that no surviving connection had, and the hop forgets by time."""
    otherwise = without_loss(
        SLUG, facts, missing="captures on both sides of the stateful hop, with the pause in them"
    )
    return weigh(SLUG, (_account(site, facts) for site in facts.losses()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    losers = [c for c in facts.in_focus() if c.number in site.conversations]
    gaps = [_gap_before_loss(c, site, facts) for c in losers]
    invalid, other = judged_invalid(facts, site)
    told = [_timeout(site, facts, gaps), invalid, other]
    said = first_observed(told)
    known = [gap for gap in gaps if gap is not None]
    shortest = min(known, default=0)
    longer = remembers_longer(facts, site, max(known, default=0))
    return Account(
        required=(
            _after_a_pause(site, gaps),
            _nothing_passes_later(site, losers, facts),
            *_longer_survives(site, facts, shortest),
            said,
        ),
        agreeing=tuple(told),
        refuting=(longer, *_closed_before(losers, site, facts)),
        telling=isinstance(said, Observed),
        summary=f"after a pause of {shortest / 1e9:.1f} s {facts.host(site.node)} knows the connection no more: "
        f"{counted(len(site.lost_rows), 'packet', 'are')} dropped before {site.downstream.name}",
        component=f"the state table of {facts.host(site.node)}",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _gap_before_loss(conversation: ConversationFacts, site: LossSite, facts: Facts) -> int | None:
    """The silence before the first packet lost here, ns; None where nothing came before it."""
    track = facts.tracks.of(conversation.number, site.hop.upstream)
    lost = np.flatnonzero(np.isin(track.rows, site.lost_rows))
    if not len(lost) or lost[0] == 0:
        return None
    return int(track.times_ns[lost[0]] - track.times_ns[lost[0] - 1])


def _after_a_pause(site: LossSite, gaps: list[int | None]) -> Fact:
    source = site.source(int(site.lost_rows[0]))
    if has_flags(site.lost, "S").any():
        text = "packets of the handshake were lost: there was no connection yet that could be forgotten"
        return Contradicted(reason=Reason(text=text, source=source))
    known = [gap for gap in gaps if gap is not None]
    if not known or len(known) < len(gaps):
        text = "packets were lost of connections of which nothing had passed before"
        return Contradicted(reason=Reason(text=text, source=source))
    text = f"the first packet lost of each connection follows a pause of at least {min(known) / 1e9:.2f} s"
    return holds(min(known) >= SHORTEST_NS, Reason(text=text, source=source))


def _nothing_passes_later(site: LossSite, losers: list[ConversationFacts], facts: Facts) -> Fact:
    """Of a forgotten connection nothing passes any more in that direction."""
    for conversation in losers:
        track = _sent(conversation, site, facts)
        lost = np.flatnonzero(track.fate == LOST)
        passed = np.flatnonzero(track.fate == 1)
        if len(lost) and len(passed) and passed[-1] > lost[0]:
            text = f"packets of {conversation.text} passed again after the first was lost"
            return Contradicted(reason=Reason(text=text, source=track.source(int(passed[-1]))))
    text = "after the first lost packet nothing of these connections passes in that direction"
    return Observed(reason=Reason(text=text, source=site.source(int(site.lost_rows[0]))))


def _sent(conversation: ConversationFacts, site: LossSite, facts: Facts) -> Track:
    track = facts.tracks.of(conversation.number, site.hop.upstream)
    return track.only(track.from_client != site.to_client)


def _longer_survives(site: LossSite, facts: Facts, shortest: int) -> tuple[Fact, ...]:
    """No other connection survived a longer pause at this hop."""
    for conversation in facts.in_focus():
        if conversation.number in site.conversations or site.hop.upstream not in conversation.seen_at:
            continue
        track = facts.tracks.of(conversation.number, site.hop.upstream)
        gaps = np.diff(track.times_ns)
        after = np.flatnonzero(gaps > shortest)
        if len(after) and (track.fate[after + 1] == 1).any():
            text = f"{conversation.text} survived a pause of {int(gaps[after].max()) / 1e9:.2f} s at this hop"
            return (Contradicted(reason=Reason(text=text, source=track.source(int(after[0]) + 1))),)
    return ()


def _timeout(site: LossSite, facts: Facts, gaps: list[int | None]) -> Fact:
    """The hop's own timeout is shorter than the pause."""
    known = [gap for gap in gaps if gap is not None]
    for setting in facts.setting(TIMEOUT, site.node):
        if setting.value.isdecimal() and known and int(setting.value) * 1_000_000_000 <= min(known):
            text = f"{TIMEOUT} = {setting.value} s, shorter than the pause"
            return Observed(reason=Reason(text=text, source=setting.source))
    return Unknown(
        missing="the idle timeout of the hop (sysctl, or the load balancer's), and conntrack -S before and after"
    )


def _closed_before(losers: list[ConversationFacts], site: LossSite, facts: Facts) -> tuple[Fact, ...]:
    """A FIN before the pause makes it the half-closed connection's timer."""
    for conversation in losers:
        track = facts.tracks.of(conversation.number, site.hop.upstream)
        fins = track.only(track.flags("F"))
        lost = track.times_ns[track.fate == LOST]
        if len(fins) and len(lost) and fins.times_ns[0] < lost[0] - SHORTEST_NS:
            text = f"one side of {conversation.text} had closed before the pause"
            return (Observed(reason=Reason(text=text, source=fins.source())),)
    return ()


_REMEDIES: Final = (
    Remedy(
        title="Send keep-alives before the hop forgets",
        where="the client or server: TCP_KEEPIDLE below the hop's timeout, or a ping of the application",
        commands=("sysctl -w net.ipv4.tcp_keepalive_time=120",),
        price="a few packets; concerns sockets that ask for keep-alives",
        risk="none",
        check="the connection works after a pause",
        undo=("sysctl -w net.ipv4.tcp_keepalive_time=FORMER_VALUE",),
    ),
    Remedy(
        title="Let the hop remember longer, or say that it forgot",
        where="the hop: nf_conntrack_tcp_timeout_established; a load balancer's idle timeout, or reset on idle",
        commands=("sysctl -w net.netfilter.nf_conntrack_tcp_timeout_established=432000",),
        price="memory for state",
        risk="low",
        check="the connection works after a pause",
        undo=("sysctl -w net.netfilter.nf_conntrack_tcp_timeout_established=FORMER_VALUE",),
    ),
    Remedy(
        title="Do not reuse connections that were idle for longer",
        where="the client's connection pool: maximum idle time below the hop's timeout",
        commands=(),
        price="more connections",
        risk="none",
        check="no request waits after a pause",
        undo=("the former pool settings",),
    ),
)
_NEXT: Final = (
    Step(
        text="Find the time: send after growing pauses, and read the hop's timeout.",
        commands=("sysctl -a | grep nf_conntrack_tcp_timeout", "conntrack -L -p tcp | head"),
    ),
)
