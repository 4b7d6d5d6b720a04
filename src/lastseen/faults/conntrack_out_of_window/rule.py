"""Connection tracking finds segments outside the TCP window it knows of, calls them invalid, and a rule drops them.

nf_conntrack follows both directions' windows (Linux net/netfilter/nf_conntrack_proto_tcp.c, tcp_in_window). Where
it misses part of a connection (offload, another path, untracked acknowledgments) its window stands still and
everything beyond it is invalid, repetitions included. "bytes more than expected" lines speak of packets that
passed. Its log names the bound; without it the captures can, where they miss what tracking missed.
"""

from typing import Final

import numpy as np

from lastseen.contrasts.tracked_window import ACK_OVER, INSIDE, SEQ_OVER
from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.invalid import OUT_OF_WINDOW, invalid_lines_for, judged_invalid
from lastseen.faults.offloaded import offloaded
from lastseen.faults.patterns import is_tcp, without_loss
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
from lastseen.tables.counted import counted, some_of
from lastseen.tables.details import column
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "conntrack_out_of_window"
TITLE: Final = "connection tracking finds segments outside the window it knows, and a rule drops them"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "conntrack_out_of_window_reset": "there no rule drops them: they pass NAT untranslated and are reset",
    "asymmetric_route": "there the hop sees one direction only, from the handshake on",
    "hw_offload_window": "there hardware carried part of the flow",
    "ovn_acl_invalid": "there OVN's rule for invalid packets drops them; this says why they are invalid",
}


def judge(facts: Facts) -> Judgement:
    """Supported where conntrack judged what was lost invalid because of its window."""
    otherwise = without_loss(
        SLUG, facts, missing="captures on both sides of the host that tracks connections"
    )
    return weigh(SLUG, (_account(site, facts) for site in facts.losses()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    invalid, other = judged_invalid(facts, site)
    logged = _logged(site, facts)
    reckoned = _reckoned(site)
    judged = first_observed((logged, invalid, other))
    host = facts.host(site.node)
    return Account(
        required=(_segments(site), _window(logged, reckoned), judged),
        agreeing=(logged, invalid, other),
        refuting=_nothing_invalid(invalid, logged),
        telling=isinstance(logged, Observed),
        context=_missed(logged, reckoned, site),
        general=isinstance(offloaded(facts, site), Observed),
        summary=f"{counted(len(site.lost_rows), 'segment', 'are')} outside the window that connection tracking on "
        f"{host} knows of, and "
        f"are dropped before {site.downstream.name}",
        component=f"connection tracking on {host} and the rule that drops invalid packets",
        hop=site.number,
        remedies=_remedies(host),
        next=_NEXT,
    )


def _segments(site: LossSite) -> Fact:
    tcp = is_tcp(site.lost)
    syn = (column(site.lost, "tcp_flags") & 2) > 0
    text = (
        f"{some_of(int((tcp & ~syn).sum()), len(tcp), 'lost packet', 'are')} TCP segments of open connections"
    )
    return holds((tcp & ~syn).all(), Reason(text=text, source=site.source(int(site.lost_rows[0]))))


def _window(logged: Fact, reckoned: Fact) -> Fact:
    """What the log says; where it is silent, that all lie beyond the window by what was captured.

    That they lie inside says nothing: tracking may have missed what the capture has.
    """
    return reckoned if isinstance(logged, Unknown) and isinstance(reckoned, Observed) else logged


def _reckoned(site: LossSite) -> Fact:
    """That the lost packets lie beyond the window as tracking reckons it, by what their last point saw."""
    places = column(site.lost, "tracked_window")
    beyond = int(np.isin(places, (SEQ_OVER, ACK_OVER)).sum())
    text = (
        f"{some_of(beyond, len(places), 'lost packet', 'lie')} beyond the window of their connection, by what passed "
        f"{site.upstream.name} before"
    )
    return holds(beyond == len(places), Reason(text=text, source=site.source(int(site.lost_rows[0]))))


def _missed(logged: Fact, reckoned: Fact, site: LossSite) -> tuple[Reason, ...]:
    """That tracking missed packets that the capture has, where the log and the capture differ on all that was lost."""
    if not isinstance(logged, Observed):
        return ()
    if isinstance(reckoned, Observed):
        return (reckoned.reason,)
    if (column(site.lost, "tracked_window") != INSIDE).any():
        return ()
    text = (
        f"by what passed {site.upstream.name} they lie inside: connection tracking missed packets that passed there "
        "(untracked by a rule, or carried by hardware)"
    )
    return (Reason(text=text, source=site.source(int(site.lost_rows[0]))),)


def _logged(site: LossSite, facts: Facts) -> Fact:
    """What the kernel's log says of the lost packets themselves."""
    fitting, others = invalid_lines_for(facts, site, OUT_OF_WINDOW)
    if fitting and len(fitting) > len(others):
        text = (
            f'{counted(len(fitting), "kernel log line", "join")} lost packets to "{fitting[0].line.reason}"'
        )
        return Observed(reason=Reason(text=text, source=fitting[0].line.source))
    if others:
        text = (
            f"conntrack called {counted(len(others), 'lost packet')} invalid for another reason: "
            f'"{others[0].line.reason}"'
        )
        return Contradicted(reason=Reason(text=text, source=others[0].line.source))
    return Unknown(
        missing="the kernel log with net.netfilter.nf_conntrack_log_invalid=255, which names the bound"
    )


def _nothing_invalid(invalid: Fact, logged: Fact) -> tuple[Fact, ...]:
    """A counter that stood still contradicts, unless the log itself names the packets."""
    if isinstance(invalid, Contradicted) and not isinstance(logged, Observed):
        return (Observed(reason=invalid.reason),)
    return ()


def _remedies(host: str) -> tuple[Remedy, ...]:
    where = f"{host}, in the network namespace that tracks the connections"
    return (
        Remedy(
            title="Find why conntrack misses part of the traffic",
            where=f"{host}: untracked packets (raw table, notrack), offloaded flows, a second path",
            commands=("nft list ruleset | grep -n notrack", "conntrack -L -p tcp"),
            price="work",
            risk="none",
            check="the invalid counter stands still",
            undo=(),
        ),
        Remedy(
            title="Let conntrack be liberal about windows",
            where=where,
            commands=("sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=1",),
            price="none at once",
            risk="only resets are still checked against the window, for all connections of the namespace",
            check="the transfer completes and the invalid counter stands still",
            undo=("sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=0",),
        ),
    )


_NEXT: Final = (
    Step(
        text="Let conntrack say which bound was passed, for one more try.",
        commands=(
            "sysctl -w net.netfilter.nf_conntrack_log_invalid=6   # set back to 0 afterwards",
            "dmesg | grep nf_ct_",
            "conntrack -S",
        ),
    ),
)
