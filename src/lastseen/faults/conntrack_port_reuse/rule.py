"""A reused source port meets the entry of the connection before it, and what answers the new SYN is misjudged.

conntrack keeps a closed connection for up to 120 s (time_wait), TCP for 60 s. A new SYN with the same addresses and
ports inside that time belongs, to the hop, to the old connection. It is ignored, that is, it passes; but a reset that
answers it is then called invalid by kernels before 5.14 (Linux net/netfilter/nf_conntrack_proto_tcp.c; RFC 5961).
"""

import re
from typing import Final

import numpy as np

from lastseen.faults.facts import ConversationFacts, Facts, LossSite
from lastseen.faults.invalid import invalid_lines_for, judged_invalid
from lastseen.faults.patterns import without_loss
from lastseen.faults.weighing import Account, Contradicted, Fact, Observed, first_observed, weigh
from lastseen.tables.counted import counted
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "conntrack_port_reuse"
TITLE: Final = "a reused port meets an old connection tracking entry"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "conntrack_table_full": "there no old entry is involved, and the log names the table",
}
REMEMBERED_NS: Final = 120_000_000_000
"""nf_conntrack_tcp_timeout_time_wait."""
_OLD_ENTRY: Final = re.compile(
    r"invalid (?:rst|RST)|invalid state|in dir \d invalid, state (?:TIME_WAIT|CLOSE|LAST_ACK)\b"
)
"""What nf_conntrack_proto_tcp.c logs of what it takes for the old connection's. A SYN that it "ignored" passes."""


def judge(facts: Facts) -> Judgement:
    """Supported where the losing connection repeats the addresses and ports of one closed shortly before."""
    otherwise = without_loss(
        SLUG, facts, missing="captures on both sides of the hop, with the earlier connection in them"
    )
    return weigh(SLUG, (_account(site, facts) for site in facts.losses()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    fitting, others = invalid_lines_for(facts, site, _OLD_ENTRY)
    invalid, other = judged_invalid(facts, site)
    told: tuple[Fact, ...] = (invalid, other)
    if fitting:
        text = (
            f'{counted(len(fitting), "kernel log line", "join")} lost packets to "{fitting[0].line.reason}"'
        )
        told = (Observed(reason=Reason(text=text, source=fitting[0].line.source)), *told)
    said = first_observed(told)
    return Account(
        required=(_reused(site, facts), said),
        agreeing=told,
        refuting=tuple(
            Observed(reason=Reason(text=f'"{o.line.reason}"', source=o.line.source)) for o in others[:1]
        ),
        telling=isinstance(said, Observed),
        summary=f"{counted(len(site.lost_rows), 'packet')} of a connection that reuses the ports of an earlier "
        "one are taken for the "
        f"old one by {facts.host(site.node)}",
        component=f"the state table of {facts.host(site.node)}",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _reused(site: LossSite, facts: Facts) -> Fact:
    """A conversation that lost packets has the ends of one that ended less than 120 s before."""
    source = site.source(int(site.lost_rows[0]))
    for loser in (c for c in facts.in_focus() if c.number in site.conversations):
        track = facts.tracks.of(loser.number, site.hop.upstream)
        for earlier in facts.in_focus():
            if earlier.number == loser.number or earlier.endpoints != loser.endpoints:
                continue
            ended = _last(earlier, site, facts)
            if ended is not None and 0 < int(track.times_ns[0]) - ended < REMEMBERED_NS:
                text = (
                    f"{loser.text} begins {(int(track.times_ns[0]) - ended) / 1e9:.2f} s after one "
                    "with the same ports ended"
                )
                return Observed(reason=Reason(text=text, source=track.source()))
    text = "no connection that lost packets has the ports of one closed shortly before"
    return Contradicted(reason=Reason(text=text, source=source))


def _last(conversation: ConversationFacts, site: LossSite, facts: Facts) -> int | None:
    """When an earlier connection closed at this point, ns; None where it did not, or was not seen."""
    track = facts.tracks.of(conversation.number, site.hop.upstream)
    closing = np.flatnonzero(track.flags("F") | track.flags("R"))
    return int(track.times_ns[-1]) if len(closing) else None


_REMEDIES: Final = (
    Remedy(
        title="Open fewer connections, or use more ports",
        where="the client: keep connections, widen net.ipv4.ip_local_port_range",
        commands=("sysctl -w net.ipv4.ip_local_port_range='1024 65535'",),
        price="code, or none",
        risk="low",
        check="ports are not reused within two minutes",
        undo=("sysctl -w net.ipv4.ip_local_port_range='FORMER_VALUES'",),
    ),
    Remedy(
        title="Forget closed connections as soon as TCP does",
        where="the hop that tracks",
        commands=("sysctl -w net.netfilter.nf_conntrack_tcp_timeout_time_wait=60",),
        price="none",
        risk="low",
        check="connects no longer take 1 or 3 s now and then",
        undo=("sysctl -w net.netfilter.nf_conntrack_tcp_timeout_time_wait=FORMER_VALUE",),
    ),
)
_NEXT: Final = (
    Step(
        text="See what the hop still knows of these ports.",
        commands=("conntrack -L -p tcp | grep TIME_WAIT | head", "dmesg | grep nf_ct_"),
    ),
)
