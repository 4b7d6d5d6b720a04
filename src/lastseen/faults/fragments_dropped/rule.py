"""IP fragments are dropped at a hop, so that large datagrams never arrive whole.

Later fragments carry no ports: a rule that asks for ports cannot match them, and a hop that reassembles first loses
the whole datagram when one part is late (RFC 8900; Linux net/ipv4/ip_fragment.c). TCP, which does not fragment, is
unaffected.
"""

from typing import Final

import numpy as np

from lastseen.faults.counting import counter_rose, dropping_rules
from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.patterns import without_loss
from lastseen.faults.unanswered import traced
from lastseen.faults.weighing import Account, Contradicted, Fact, Observed, Unknown, weigh
from lastseen.tables.counted import counted, some_of
from lastseen.tables.details import column
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step
from lastseen.tables.points import DELIVERED

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "fragments_dropped"
TITLE: Final = "IP fragments are dropped, and large datagrams never arrive whole"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "reassembled_too_big": "there the fragments are put together and the whole does not fit the next link",
    "firewall_deny": "there a rule takes packets that are no fragments as well",
}
FEWEST: Final = 2
_COUNTERS: Final = ("IpReasmFails", "IpReasmTimeout", "Ip6ReasmFails", "Ip6ReasmTimeout")
_DROPS: Final = (
    "FRAG_REASM_TIMEOUT",
    "FRAG_TOO_FAR",
    "DUP_FRAG",
    "OVS_DROP_FRAG_L2_TOO_LONG",
    "OVS_DROP_FRAG_INVALID_PROTO",
)


def judge(facts: Facts) -> Judgement:
    """Supported where only fragments are lost at a hop that other packets pass."""
    sites = [site for site in facts.sites if len(site.lost_rows) >= FEWEST]
    otherwise = without_loss(SLUG, facts, missing="captures on both sides of the hop")
    return weigh(SLUG, (_account(site, facts) for site in sites), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    return Account(
        required=(_only_fragments(site), _others_pass(site, facts)),
        agreeing=(
            _rule(site, facts),
            traced(facts, *_DROPS),
            counter_rose(
                facts, None, "nstat", _COUNTERS, what="a count of datagrams that could not be put together"
            ),
        ),
        telling=True,
        summary=f"{len(site.lost_rows)} IP fragments vanish between {site.upstream.name} and "
        f"{site.downstream.name}; whole "
        "packets pass",
        component=f"a filter or reassembly on {facts.host(site.node)}",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _only_fragments(site: LossSite) -> Fact:
    fragment = column(site.lost, "ip_fragment") == 1
    source = site.source(int(site.lost_rows[0]))
    text = f"{some_of(int(fragment.sum()), len(fragment), 'lost packet', 'are')} fragments"
    return (Observed if fragment.all() else Contradicted)(reason=Reason(text=text, source=source))


def _others_pass(site: LossSite, facts: Facts) -> Fact:
    """Whole packets of any connection pass in that direction, and no later fragment does."""
    rows = np.flatnonzero(site.hop.fate == DELIVERED)
    if not len(rows):
        return Unknown(missing="whole packets that pass the same hop")
    said = facts.tracks.datagrams(facts.matching.points.index(site.upstream))
    later = said.only((said.of("ip_frag_offset") > 0) & (said.fate == DELIVERED))
    if len(later):
        text = f"{counted(len(later), 'later fragment')} passed"
        return Contradicted(reason=Reason(text=text, source=later.source()))
    text = f"{counted(len(rows), 'other packet', 'pass')}, and no later fragment among them"
    return Observed(reason=Reason(text=text, source=site.source(int(rows[0]))))


def _rule(site: LossSite, facts: Facts) -> Fact:
    """A rule that speaks of fragments and dropped as many."""
    for rule, delta in dropping_rules(facts, site):
        if any(word in rule.match for word in ("frag", "-f ")):
            text = f"the rule '{rule.place}: {rule.match}' dropped {counted(delta.value, 'packet')}"
            return Observed(reason=Reason(text=text, source=delta.after))
    return Unknown(missing="the rules of the hop with their hits, before and after")


_REMEDIES: Final = (
    Remedy(
        title="Send nothing that has to be fragmented",
        where="the applications: EDNS buffer size 1232, TCP for large answers, a smaller datagram",
        commands=(),
        price="configuration",
        risk="none",
        check="no fragments in a capture",
        undo=("the former configuration",),
    ),
    Remedy(
        title="Let fragments pass, or put them together before filtering",
        where="the hop's rules (a stateful rule set on Linux reassembles by itself)",
        commands=(),
        price="a change of the rules",
        risk="low",
        check="ping -s 4000 is answered",
        undo=("the former rules",),
    ),
    Remedy(
        title="Give reassembly more room",
        where="the hop that reassembles",
        commands=("sysctl -w net.ipv4.ipfrag_high_thresh=8388608",),
        price="memory",
        risk="low; at high rates fragments of different datagrams may be mixed up",
        check="IpReasmFails stands still",
        undo=("sysctl -w net.ipv4.ipfrag_high_thresh=FORMER_VALUE",),
    ),
)
_NEXT: Final = (
    Step(
        text="Send a large and a small datagram.",
        commands=(
            "ping -c 3 -s 4000 DESTINATION",
            "ping -c 3 -s 400 DESTINATION",
            "nstat -az | grep -i reasm",
        ),
    ),
)
