"""A stateful hop meets connections whose beginning it did not see: after a flush, failover, restart or migration.

With nf_conntrack_tcp_loose=0, or rules that let only "new" SYNs in, packets in mid-stream belong to nothing and are
dropped; with NAT they would leave untranslated. All old connections die at one moment, and new ones work (Linux
Documentation/networking/nf_conntrack-sysctl).
"""

from typing import Final

import numpy as np

from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.invalid import OUT_OF_STATE, invalid_lines_for, judged_invalid
from lastseen.faults.patterns import has_flags, without_loss
from lastseen.faults.tracking_table import remembers_longer
from lastseen.faults.weighing import Account, Contradicted, Fact, Observed, Unknown, first_observed, weigh
from lastseen.tables.counted import all_of, counted, some_of
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step
from lastseen.tables.points import LOST

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "conntrack_midstream"
TITLE: Final = "a stateful hop drops connections whose beginning it did not see"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "stateful_idle_expiry": "there each connection had been idle before",
    "asymmetric_route": "there the hop sees one direction only",
}
LOOSE: Final = "net.netfilter.nf_conntrack_tcp_loose"


def judge(facts: Facts) -> Judgement:
    """Supported where connections without a SYN in the captures lose everything and later ones with a SYN pass."""
    otherwise = without_loss(SLUG, facts, missing="captures on both sides of the stateful hop")
    return weigh(SLUG, (_account(site, facts) for site in facts.losses()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    told = _told(site, facts)
    said = first_observed(told)
    return Account(
        required=(_begun_before(site, facts), _all_lost(site), said),
        agreeing=told,
        telling=isinstance(said, Observed),
        summary=f"{counted(len(site.lost_rows), 'packet')} of connections that {facts.host(site.node)} did not "
        "see begin are dropped",
        component=f"the state table of {facts.host(site.node)}",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _begun_before(site: LossSite, facts: Facts) -> Fact:
    """None of the lost packets' connections shows its SYN, or several were forgotten at once and not by time."""
    groups = np.unique(site.upstream.group_of[site.lost_rows])
    tcp = groups[groups < len(site.upstream.connections)]
    opened = int((site.upstream.connections["syn"][tcp].sum(axis=1) > 0).sum())
    source = site.source(int(site.lost_rows[0]))
    if len(tcp) > 1 and not has_flags(site.lost, "S").any() and not _was_closing(site, facts):
        longer = remembers_longer(facts, site, _longest_pause(site, facts))
        invalid, _ = judged_invalid(facts, site)
        if isinstance(longer, Observed) and isinstance(invalid, Observed):
            text = f"{counted(len(tcp), 'connection', 'were')} forgotten at one moment: {longer.reason.text}"
            return Observed(reason=Reason(text=text, source=longer.reason.source))
    if opened or has_flags(site.lost, "S").any() or not len(tcp):
        text = f"{some_of(opened, len(tcp), 'connection that lost packets', 'begin')} inside the capture"
        return Contradicted(reason=Reason(text=text, source=source))
    text = f"{all_of(len(tcp), 'connection')} that lost packets had begun before the capture"
    return Observed(reason=Reason(text=text, source=source))


def _was_closing(site: LossSite, facts: Facts) -> bool:
    """Whether a losing connection had a FIN behind it: then it was remembered by other, shorter times."""
    for conversation in (c for c in facts.in_focus() if c.number in site.conversations):
        track = facts.tracks.of(conversation.number, site.hop.upstream)
        lost = np.flatnonzero(track.fate == LOST)
        if len(lost) and track.flags("F")[: lost[0]].any():
            return True
    return False


def _longest_pause(site: LossSite, facts: Facts) -> int:
    """The longest silence of a losing connection that ended with a lost packet, ns."""
    pauses = [0]
    for conversation in (c for c in facts.in_focus() if c.number in site.conversations):
        track = facts.tracks.of(conversation.number, site.hop.upstream)
        pauses += np.diff(track.times_ns)[track.fate[1:] == LOST].tolist()
    return max(pauses)


def _all_lost(site: LossSite) -> Fact:
    """From one moment on nothing of them passes."""
    times = site.upstream.capture.times_ns()
    first = int(times[site.lost_rows].min())
    late = site.delivered_rows[times[site.delivered_rows] > first]
    source = site.source(int(site.lost_rows[0]))
    if len(late):
        text = f"{counted(len(late), 'packet')} of these connections passed after the first was lost"
        return Contradicted(reason=Reason(text=text, source=source))
    return Observed(reason=Reason(text="from one moment on nothing of them passes", source=source))


def _told(site: LossSite, facts: Facts) -> tuple[Fact, ...]:
    loose: Fact = Unknown(missing=f"sysctl {LOOSE} of the hop, and conntrack -S before and after")
    for setting in facts.setting(LOOSE, site.node):
        if setting.value == "0":
            loose = Observed(
                reason=Reason(text=f"{LOOSE} = 0: only SYNs open an entry", source=setting.source)
            )
    fitting, _ = invalid_lines_for(facts, site, OUT_OF_STATE)
    if fitting:
        text = (
            f'{counted(len(fitting), "kernel log line", "join")} lost packets to "{fitting[0].line.reason}"'
        )
        return loose, Observed(reason=Reason(text=text, source=fitting[0].line.source))
    return loose, *judged_invalid(facts, site)


_REMEDIES: Final = (
    Remedy(
        title="Let conntrack pick up connections in mid-stream",
        where="the hop, in the network namespace that tracks; connections with NAT break all the same",
        commands=("sysctl -w net.netfilter.nf_conntrack_tcp_loose=1",),
        price="none",
        risk="low",
        check="old connections pass after a flush",
        undo=("sysctl -w net.netfilter.nf_conntrack_tcp_loose=0",),
    ),
    Remedy(
        title="Carry the state over",
        where="both members of the failover pair (conntrackd), or drain before the switch",
        commands=(),
        price="setup",
        risk="low",
        check="connections survive a failover",
        undo=(),
    ),
    Remedy(
        title="Let clients notice and reconnect",
        where="the clients: keep-alives, and a retry",
        commands=(),
        price="code",
        risk="low",
        check="clients reconnect by themselves",
        undo=(),
    ),
)
_NEXT: Final = (
    Step(
        text="See what happened at that moment.",
        commands=(
            "journalctl --since '10 min ago' | grep -iE 'nft|iptables|conntrack|keepalived|migrat'",
            "sysctl net.netfilter.nf_conntrack_tcp_loose",
        ),
    ),
)
