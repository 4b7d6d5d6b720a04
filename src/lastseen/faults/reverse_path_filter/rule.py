"""A packet came in on an interface through which its answer would not go out, and the reverse path filter dropped it.

fib_validate_source() (Linux net/ipv4/fib_frontend.c) with rp_filter=1 refuses a source whose route leads elsewhere
(RFC 3704): the capture on the interface still sees the packet, no socket and no forwarding ever does. Only
counters, a "martian source" line or a drop trace name it; the packets themselves look like any other.
"""

from typing import Final

from lastseen.faults.counting import counter_agrees, counter_rose, logged
from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.patterns import without_loss
from lastseen.faults.unanswered import UnansweredSyn, traced, unanswered_syns
from lastseen.faults.weighing import (
    Account,
    Contradicted,
    Fact,
    Observed,
    Unknown,
    first_observed,
    observed_reasons,
    weigh,
)
from lastseen.tables.counted import counted
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "reverse_path_filter"
TITLE: Final = "the reverse path filter drops packets that arrive on an unexpected interface"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "asymmetric_route": "there connection tracking misses one direction and calls the other invalid",
}
COUNTER: Final = "TcpExtIPReversePathFilter"
_WHAT: Final = "the host's count of packets refused by the reverse path filter"


def judge(facts: Facts) -> Judgement:
    """Supported where a host that got the packets counts, logs or traces that its filter refused them."""
    told = (*_told(facts, None), counter_rose(facts, None, "nstat", (COUNTER,), what=_WHAT))
    hints = observed_reasons(told)
    otherwise = without_loss(
        SLUG, facts, missing="captures before and behind the host that drops", hints=hints
    )
    accounts = [_at_hop(site, facts) for site in facts.losses()]
    accounts += [_at_host(found, facts) for found in unanswered_syns(facts)]
    return weigh(SLUG, accounts, otherwise=otherwise)


def _told(facts: Facts, node: str | None) -> tuple[Fact, ...]:
    return (
        traced(facts, "IP_RPFILTER"),
        logged(facts, "martian_source", node, "the source was a martian"),
    )


def _at_hop(site: LossSite, facts: Facts) -> Account:
    told = (
        counter_agrees(facts, site, "nstat", (COUNTER,), what=_WHAT),
        *_told(facts, site.node),
    )
    return Account(
        required=(first_observed(told), *_nothing_passed(site)),
        agreeing=told,
        refuting=_switched_off(facts, site.node),
        telling=isinstance(first_observed(told), Observed),
        summary=f"{counted(len(site.lost_rows), 'packet', 'vanish')} behind {site.upstream.name}: the "
        "reverse path filter of "
        f"{facts.host(site.node)} refuses them, as the way back to their source leads through another interface",
        component=f"the reverse path filter of {facts.host(site.node)}",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _nothing_passed(site: LossSite) -> tuple[Fact, ...]:
    """The filter looks at addresses and interface only: of one connection it takes all or nothing."""
    if len(site.delivered_rows):
        text = f"{counted(len(site.delivered_rows), 'packet')} of the same connections and direction passed"
        return (Contradicted(reason=Reason(text=text, source=site.source(int(site.delivered_rows[0])))),)
    return ()


def _at_host(found: UnansweredSyn, facts: Facts) -> Account:
    told = (counter_rose(facts, None, "nstat", (COUNTER,), what=_WHAT), *_told(facts, None))
    return Account(
        required=(Observed(reason=found.reason), first_observed(told)),
        agreeing=told,
        refuting=_switched_off(facts, None),
        summary=f"SYNs reach {found.syns.point.name} and are not answered: the reverse path filter there refuses them",
        component="the reverse path filter of the host behind the last capture",
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _switched_off(facts: Facts, node: str | None) -> tuple[Fact, ...]:
    """rp_filter 0 or 2 wherever the evidence says; the larger of "all" and the interface's counts (ip-sysctl)."""
    found = [s for s in facts.settings if s.name.endswith(".rp_filter") and node in (None, s.node)]
    if found and all(setting.value != "1" for setting in found):
        text = f"the strict reverse path filter is on nowhere there ({found[0].name} = {found[0].value})"
        return (Observed(reason=Reason(text=text, source=found[0].source)),)
    return (Unknown(missing="sysctl -a of the host (net.ipv4.conf.*.rp_filter)"),)


_REMEDIES: Final = (
    Remedy(
        title="Let packets come in where their answers go out",
        where="the routing of the host, or of those that send to it",
        commands=("ip route get SOURCE_ADDRESS",),
        price="work",
        risk="none",
        check="the route to the source names the interface the packets come in on",
        undo=("the former routes",),
    ),
    Remedy(
        title="Accept any source that has a route at all",
        where="the host, for the interface the packets come in on; the larger of its value and that of 'all' counts",
        commands=("sysctl -w net.ipv4.conf.DEVICE.rp_filter=2",),
        price="none",
        risk="weaker protection against forged sources",
        check="IPReversePathFilter stands still",
        undo=("sysctl -w net.ipv4.conf.DEVICE.rp_filter=1",),
    ),
)
_NEXT: Final = (
    Step(
        text="On the host, see the filter's setting and where it would send the answer.",
        commands=(
            "sysctl -a | grep rp_filter",
            "ip route get SOURCE_ADDRESS",
            "nstat -az TcpExtIPReversePathFilter",
        ),
    ),
)
