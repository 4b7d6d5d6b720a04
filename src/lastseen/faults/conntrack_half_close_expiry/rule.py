"""One side closed its half and the other went on sending; the stateful hop let the connection expire meanwhile.

After a FIN connection tracking keeps an entry for a short time only: close_wait 60 s, fin_wait 120 s (Linux
net/netfilter/nf_conntrack_proto_tcp.c). A long answer to a client that has shut down its sending side, with a pause
in it, outlives that; and a proxy may take the FIN for the end at once.
"""

from typing import Final

import numpy as np

from lastseen.faults.facts import ConversationFacts, Facts, LossSite
from lastseen.faults.invalid import judged_invalid
from lastseen.faults.patterns import without_loss
from lastseen.faults.weighing import Account, Contradicted, Fact, Observed, Unknown, first_observed, weigh
from lastseen.tables.counted import counted
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "conntrack_half_close_expiry"
TITLE: Final = "a half-closed connection is forgotten while the other half still sends"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "stateful_idle_expiry": "there nobody had closed before the pause",
}
SHORTEST_NS: Final = 1_000_000_000
_TIMEOUTS: Final = (
    "net.netfilter.nf_conntrack_tcp_timeout_close_wait",
    "net.netfilter.nf_conntrack_tcp_timeout_fin_wait",
    "net.netfilter.nf_conntrack_tcp_timeout_last_ack",
)


def judge(facts: Facts) -> Judgement:
    """Supported where data is lost after the other side's FIN and a pause, at a hop that forgets such connections."""
    otherwise = without_loss(
        SLUG, facts, missing="captures on both sides of the stateful hop, with the FIN in them"
    )
    return weigh(SLUG, (_account(site, facts) for site in facts.losses()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    losers = [c for c in facts.in_focus() if c.number in site.conversations]
    pause, fact = _after_fin(site, losers, facts)
    invalid, other = judged_invalid(facts, site)
    told = (_timeout(site, facts, pause), invalid, other)
    said = first_observed(told)
    return Account(
        required=(fact, said),
        agreeing=told,
        telling=isinstance(said, Observed),
        summary=f"{counted(len(site.lost_rows), 'packet', 'are')} lost {pause / 1e9:.1f} s after the other "
        "side closed its half: "
        f"{facts.host(site.node)} had forgotten the connection",
        component=f"the state table of {facts.host(site.node)}",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _after_fin(site: LossSite, losers: list[ConversationFacts], facts: Facts) -> tuple[int, Fact]:
    """(silence before the first lost packet, that the other side's FIN had passed before it and data had followed)."""
    for conversation in losers:
        track = facts.tracks.of(conversation.number, site.hop.upstream)
        lost = np.flatnonzero(np.isin(track.rows, site.lost_rows))
        receiver = track.from_client == site.to_client
        fins = np.flatnonzero(track.flags("F") & receiver)
        if not len(lost) or not len(fins) or fins[0] > lost[0] or not track.of("payload_len")[lost[0]]:
            continue
        pause = int(track.times_ns[lost[0]] - track.times_ns[lost[0] - 1])
        text = f"data is lost {pause / 1e9:.2f} s of silence after the receiver of {conversation.text} had sent its FIN"
        reason = Reason(text=text, source=track.source(int(lost[0])))
        return pause, Observed(reason=reason) if pause >= SHORTEST_NS else Contradicted(reason=reason)
    text = "no data was lost after its receiver had sent a FIN"
    return 0, Contradicted(reason=Reason(text=text, source=site.source(int(site.lost_rows[0]))))


def _timeout(site: LossSite, facts: Facts, pause: int) -> Fact:
    for name in _TIMEOUTS:
        for setting in facts.setting(name, site.node):
            if setting.value.isdecimal() and 0 < int(setting.value) * 1_000_000_000 <= pause:
                text = f"{name} = {setting.value} s, shorter than the pause"
                return Observed(reason=Reason(text=text, source=setting.source))
    return Unknown(missing="the hop's timeouts for closing connections, and conntrack -S before and after")


_REMEDIES: Final = (
    Remedy(
        title="Do not close the sending half early",
        where="the client: no shutdown(SHUT_WR) before the answer is there",
        commands=(),
        price="a change in the client",
        risk="low",
        check="the answer arrives whole",
        undo=(),
    ),
    Remedy(
        title="Let the hop remember closing connections longer",
        where="the stateful hop",
        commands=(
            "sysctl -w net.netfilter.nf_conntrack_tcp_timeout_close_wait=3600",
            "sysctl -w net.netfilter.nf_conntrack_tcp_timeout_fin_wait=3600",
        ),
        price="a larger table",
        risk="low",
        check="the answer arrives whole",
        undo=(
            "sysctl -w net.netfilter.nf_conntrack_tcp_timeout_close_wait=FORMER_VALUE",
            "sysctl -w net.netfilter.nf_conntrack_tcp_timeout_fin_wait=FORMER_VALUE",
        ),
    ),
)
_NEXT: Final = (
    Step(
        text="See the hop's timeouts and its entry meanwhile.",
        commands=(
            "sysctl -a | grep nf_conntrack_tcp_timeout",
            "conntrack -L -p tcp | grep -E 'CLOSE_WAIT|FIN_WAIT'",
        ),
    ),
)
