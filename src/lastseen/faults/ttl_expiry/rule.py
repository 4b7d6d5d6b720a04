"""The packet's TTL ran out before its destination: a routing loop, or a sender that allows too few hops.

Each router lowers the TTL and drops the packet at zero, telling the sender with ICMP time exceeded (RFC 1812, 5.3.1;
RFC 8200, 3). A loop shows by itself: the same packet passes one point again and again with a falling TTL.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.faults.counting import counter_rose
from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.patterns import without_loss
from lastseen.faults.tracks import Track
from lastseen.faults.unanswered import traced
from lastseen.faults.weighing import Account, Contradicted, Fact, Observed, Unknown, weigh
from lastseen.tables.counted import counted
from lastseen.tables.details import column
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "ttl_expiry"
TITLE: Final = "the TTL of packets runs out on the way"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "firewall_deny": "there the TTL of lost and delivered packets is the same, and no hop says time exceeded",
}
LAST_HOPS: Final = 4
"""A packet that starts with 64 or more and has this few left was in a loop, or was sent to expire."""
_TIME_EXCEEDED, _TIME_EXCEEDED_6, _ICMP, _ICMP6 = 11, 3, 1, 58


def judge(facts: Facts) -> Judgement:
    """Supported where the lost packets were about to expire, and a hop says that they did or the same ones passed."""
    otherwise = without_loss(SLUG, facts, missing="captures before and behind the router that drops")
    return weigh(SLUG, (_account(site, facts) for site in facts.losses()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    exceeded = _time_exceeded(site, facts)
    return Account(
        required=(_low(site), *(() if isinstance(exceeded, Observed) else (_passed_with_more(site),))),
        agreeing=(
            traced(facts, "IP_INHDR"),
            counter_rose(
                facts,
                site.node,
                "nstat",
                ("IpInHdrErrors", "Ip6InHdrErrors"),
                what="the router's count of header errors",
            ),
        ),
        context=(exceeded.reason,) if isinstance(exceeded, Observed) else (),
        telling=isinstance(_low(site), Observed),
        summary=f"{counted(len(site.lost_rows), 'packet', 'reach')} {site.upstream.name} with no hops left and never "
        f"{site.downstream.name}: their TTL runs out",
        component="the routes (a loop), or the sender that sets so small a TTL",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _low(site: LossSite) -> Fact:
    ttl = column(site.lost, "ip_ttl")
    if (ttl < 0).any():
        return Unknown(missing="the TTL of the lost packets (a capture, or a listing of tcpdump -v)")
    source = site.source(int(site.lost_rows[0]))
    if (ttl > LAST_HOPS).any():
        text = f"lost packets had {counted(int(ttl.max()), 'hop')} left at {site.upstream.name}"
        return Contradicted(reason=Reason(text=text, source=source))
    text = f"all {len(ttl)} lost packets had at most {int(ttl.max())} hops left at {site.upstream.name}"
    return Observed(reason=Reason(text=text, source=source))


def _passed_with_more(site: LossSite) -> Fact:
    """Delivered packets had more hops left than any lost one."""
    if not len(site.delivered):
        return Unknown(missing="an ICMP time exceeded message, or a packet with a larger TTL that passed")
    lowest = int(column(site.delivered, "ip_ttl").min())
    if lowest < 0:
        return Unknown(missing="the TTL of the packets that passed")
    source = site.source(int(site.delivered_rows[0]))
    if lowest <= int(column(site.lost, "ip_ttl").max()):
        text = "packets with as few hops left passed"
        return Contradicted(reason=Reason(text=text, source=source))
    text = f"the {len(site.delivered)} that passed had at least {counted(lowest, 'hop')} left"
    return Observed(reason=Reason(text=text, source=source))


def _time_exceeded(site: LossSite, facts: Facts) -> Fact:
    """ICMP time exceeded that quotes one of the lost packets, at any point."""
    for number in range(len(facts.matching.points)):
        told = facts.tracks.datagrams(number)
        errors = told.only(_exceeded(told) & np.isin(told.of("quoted_ip_id"), column(site.lost, "ip_id")))
        if len(errors):
            text = f"{len(errors)} ICMP messages at {errors.point.name} say that the time of these packets was exceeded"
            return Observed(reason=Reason(text=text, source=errors.source()))
    return Unknown(missing="an ICMP time exceeded message about the lost packets")


def _exceeded(told: Track) -> npt.NDArray[np.bool_]:
    four = (told.of("icmp_type") == _TIME_EXCEEDED) & (told.of("ip_proto") == _ICMP)
    six = (told.of("icmp_type") == _TIME_EXCEEDED_6) & (told.of("ip_proto") == _ICMP6)
    result: npt.NDArray[np.bool_] = four | six
    return result


_REMEDIES: Final = (
    Remedy(
        title="Mend the routes",
        where="the routers that send the packet to each other; the sources of the ICMP messages name them",
        commands=("traceroute -n DESTINATION",),
        price="work",
        risk="low",
        check="traceroute shows each router once",
        undo=("the former routes",),
    ),
    Remedy(
        title="Let the sender allow more hops",
        where="the sender, or the rule or program that sets the TTL",
        commands=("sysctl -w net.ipv4.ip_default_ttl=64",),
        price="none",
        risk="low",
        check="the packet arrives with hops left",
        undo=("sysctl -w net.ipv4.ip_default_ttl=FORMER_VALUE",),
    ),
)
_NEXT: Final = (
    Step(
        text="See who answers at which hop, and whether a packet passes twice.",
        commands=("traceroute -n DESTINATION", "tcpdump -ni DEVICE -v 'host DESTINATION or icmp[0] == 11'"),
    ),
)
