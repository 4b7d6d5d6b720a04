"""The two directions of a connection take different ways, and a stateful hop on one of them sees half of it.

Connection tracking that never saw the SYN calls the SYN-ACK invalid; one that saw the SYN only never learns of the
answer (Linux net/netfilter/nf_conntrack_proto_tcp.c). Routing without state does not mind; a firewall in between
does.
"""

import re
from typing import Final

from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.invalid import OUT_OF_STATE, invalid_lines_for, judged_invalid
from lastseen.faults.patterns import has_flags, without_loss
from lastseen.faults.weighing import Account, Contradicted, Fact, Observed, Unknown, holds, weigh
from lastseen.tables.counted import counted, some_of
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "asymmetric_route"
TITLE: Final = "a stateful hop sees one direction of the connection only"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "conntrack_out_of_window": "there both directions pass the hop and conntrack misses part of one",
    "conntrack_midstream": "there the hop saw both directions before it forgot the flow",
    "reverse_path_filter": "there a host without state refuses the source",
}
UNSEEN: Final = re.compile(rf"{OUT_OF_STATE.pattern}|ACKed data not seen")
"""What conntrack says of an answer whose question it never saw."""


def judge(facts: Facts) -> Judgement:
    """Supported where a hop that judges packets invalid has only one direction of their connections."""
    otherwise = without_loss(SLUG, facts, missing="captures on both sides of the stateful hop")
    return weigh(SLUG, (_account(site, facts) for site in facts.losses()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    invalid, other = judged_invalid(facts, site)
    told = invalid if isinstance(invalid, Observed) else other
    return Account(
        required=(
            _answers(site),
            _one_direction(site, facts),
            told if isinstance(told, Observed) else _unknown(invalid),
        ),
        agreeing=(told, _logged(site, facts)),
        refuting=(Observed(reason=invalid.reason),) if isinstance(invalid, Contradicted) else (),
        telling=isinstance(told, Observed),
        summary=f"only one direction of the connection passes {facts.host(site.node)}, whose connection tracking calls "
        f"{counted(len(site.lost_rows), 'packet')} of it invalid",
        component=f"the routes that lead the other direction around {facts.host(site.node)}",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _answers(site: LossSite) -> Fact:
    """That none of the lost packets is a first SYN: that is valid, whatever tracking sees of the other direction."""
    first = has_flags(site.lost, "S") & ~has_flags(site.lost, "A")
    text = (
        f"{some_of(int(first.sum()), len(first), 'lost packet', 'are')} SYNs, which need no other "
        "direction to be valid"
    )
    return holds(not first.any(), Reason(text=text, source=site.source(int(site.lost_rows[0]))))


def _unknown(invalid: Fact) -> Fact:
    return (
        invalid
        if isinstance(invalid, Unknown)
        else Unknown(missing="conntrack -S of the hop, before and after")
    )


def _one_direction(site: LossSite, facts: Facts) -> Fact:
    """At both points of the hop the connections' other direction is missing, although it exists: they were answered."""
    heard = []
    for conversation in facts.in_focus():
        if conversation.number not in site.conversations:
            continue
        for point in (site.hop.upstream, site.hop.downstream):
            track = facts.tracks.of(conversation.number, point)
            back = track.only((track.from_client == site.to_client) & (track.of("tcp_hdr_len") > 0))
            if len(back):
                text = f"both directions of {conversation.text} pass {track.point.name}"
                return Contradicted(reason=Reason(text=text, source=back.source()))
        track = facts.tracks.of(conversation.number, site.hop.upstream)
        answers = track.only(track.flags("A") & (track.from_client != site.to_client))
        if len(answers):
            heard.append(answers)
    if not heard:
        return Unknown(missing="an acknowledgment that shows the other direction exists")
    text = (
        f"{site.upstream.name} sees {counted(len(heard[0]), 'packet')} that acknowledge what never passed there: "
        "the other direction "
        "takes another way"
    )
    return Observed(reason=Reason(text=text, source=heard[0].source()))


def _logged(site: LossSite, facts: Facts) -> Fact:
    fitting, _ = invalid_lines_for(facts, site, UNSEEN)
    if fitting:
        text = (
            f'{counted(len(fitting), "kernel log line", "join")} lost packets to "{fitting[0].line.reason}"'
        )
        return Observed(reason=Reason(text=text, source=fitting[0].line.source))
    return Unknown(missing="the kernel log with net.netfilter.nf_conntrack_log_invalid=255")


_REMEDIES: Final = (
    Remedy(
        title="Let both directions take one way",
        where="the routes of both ends, or source NAT at the stateful hop",
        commands=("ip route get OTHER_END", "traceroute -n OTHER_END"),
        price="a change of the routing",
        risk="low",
        check="both directions in a capture at the hop",
        undo=("the former routes",),
    ),
    Remedy(
        title="Do without state there",
        where="the hop: stateless rules for this traffic (notrack), or synchronised state (conntrackd)",
        commands=(),
        price="no stateful protection for this traffic",
        risk="medium",
        check="the connection opens",
        undo=("the former rules",),
    ),
)
_NEXT: Final = (
    Step(
        text="See which way each direction takes.",
        commands=("ip route get OTHER_END   # on both ends", "tcpdump -ni any 'host OTHER_END'"),
    ),
)
