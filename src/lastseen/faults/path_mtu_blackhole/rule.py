"""The path carries smaller packets than the sender believes, and the message that would tell it so never arrives.

A router that cannot forward a packet with DF set drops it and answers with ICMP "fragmentation needed" (RFC 1191;
IPv6: "packet too big", RFC 8201). Where that answer is filtered or never made, the sender repeats the same size for
ever (RFC 2923, 2.1): everything up to a size arrives, nothing above it.
"""

import re
from typing import Final

import numpy as np

from lastseen.faults.counting import counter_rose, dropping_rules
from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.patterns import (
    SMALLEST_MTU,
    SizeStep,
    is_tcp,
    no_size_step,
    size_step,
    ttl_unchanged,
    without_loss,
)
from lastseen.faults.weighing import Account, Contradicted, Fact, Observed, Unknown, holds, weigh
from lastseen.tables.counted import counted, some_of
from lastseen.tables.details import column
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "path_mtu_blackhole"
TITLE: Final = "packets larger than the path's MTU vanish, and the sender is not told"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "l2_mtu_mismatch": "there both points are on one layer 2 segment of one host, with no router between them",
    "firewall_deny": "there a rule on the length was hit by as many as were lost",
    "lro_forwarding": "there the packets were merged behind the wire and are larger than any that was sent",
}
LENGTH_RULE: Final = "firewall_deny"
"""A rule on the length takes exactly the large packets, too: where the step is wide and no rules are known, nothing
tells an MTU from it."""
FEWEST_TRIES: Final = 2
"""The same bytes sent again at full size show a sender that was not told."""
_ICMP, _ICMP6 = 1, 58
_FRAGMENTATION_NEEDED, _TOO_BIG = (3, 4), 2
_ON_LENGTH: Final = re.compile(r"\blength\b")
_REASONS: Final = ("PKT_TOO_BIG",)


def judge(facts: Facts) -> Judgement:
    """Supported where loss begins at a size, the sender repeats that size, and no ICMP error reached it."""
    otherwise = without_loss(SLUG, facts, missing="captures on both sides of the hop that drops")
    return weigh(SLUG, (_account(site, facts) for site in facts.losses()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    step = size_step(site)
    agreeing = (*_dropped_as_too_big(site, facts), _smaller_mtu(site, facts, step))
    agreed = any(isinstance(fact, Observed) for fact in agreeing)
    limit = f"{step.passes} to {step.lost - 1}" if step else "unknown"
    return Account(
        required=(
            _step(site, step),
            *(() if agreed else (_step_is_near(step),)),
            _unfragmentable(site),
            _repeated(site),
            _not_told(site, facts),
        ),
        agreeing=agreeing,
        refuting=(*((ttl_unchanged(site),) if site.node is not None else ()), *_rules_on_length(site, facts)),
        telling=step is not None and step.lost > SMALLEST_MTU,
        summary=f"packets of more than {step.passes if step else '?'} bytes vanish between {site.upstream.name} and "
        f"{site.downstream.name}, and the sender, never told that they are too large, repeats them unchanged",
        component=f"the path behind {site.upstream.name} (MTU between {limit} bytes)",
        hop=site.number,
        alike=() if agreed or any(rule.node == site.node for rule in facts.rules) else (LENGTH_RULE,),
        remedies=_remedies(facts.host(site.node), step),
        next=_NEXT,
    )


def _step(site: LossSite, step: SizeStep | None) -> Fact:
    if step is None:
        return no_size_step(site)
    text = (
        f"all {len(site.delivered)} delivered packets have at most {step.passes} bytes of IP, "
        f"all {len(site.lost)} lost ones at least {step.lost}"
    )
    return holds(step.lost > SMALLEST_MTU, Reason(text=text, source=site.source(int(site.lost_rows[0]))))


def _step_is_near(step: SizeStep | None) -> Fact:
    """Something large passed: where only bare acknowledgments did, whatever drops all data looks like a step."""
    if step is None or step.passes < SMALLEST_MTU:
        return Unknown(
            missing="a packet of middle size that passed: so far only tiny ones did, and all data was lost"
        )
    return Observed(reason=Reason(text=f"packets of up to {step.passes} bytes of IP passed"))


def _unfragmentable(site: LossSite) -> Fact:
    if (column(site.lost, "ip_df") < 0).any():
        return Unknown(missing="the DF flag of the lost packets (a capture, or a listing of tcpdump -v)")
    may_not = column(site.lost, "ip_df") == 1
    text = f"{some_of(int(may_not.sum()), len(may_not), 'lost packet')} must not be fragmented (DF, or IPv6)"
    return holds(may_not.all(), Reason(text=text, source=site.source(int(site.lost_rows[0]))))


def _repeated(site: LossSite) -> Fact:
    """The same first byte lost again at a size that does not pass: the sender did not learn."""
    tcp = site.lost[is_tcp(site.lost) & (column(site.lost, "payload_len") > 0)]
    if not len(tcp):
        return Unknown(missing="a TCP sender's repetitions, which show whether it learnt the path's MTU")
    _, counts = np.unique(column(tcp, "tcp_seq"), return_counts=True)
    most = int(counts.max())
    text = f"the sender sent the same bytes up to {counted(most, 'time')} at a size that does not pass"
    source = site.source(int(column(tcp, "frame_number")[0]) - 1)
    if most < FEWEST_TRIES:
        return Contradicted(
            reason=Reason(text="nothing was repeated at a size that does not pass", source=source)
        )
    return Observed(reason=Reason(text=text, source=source))


def _not_told(site: LossSite, facts: Facts) -> Fact:
    """No ICMP error that quotes a packet of this size was seen where the lost packets came from."""
    told = facts.tracks.datagrams(facts.matching.points.index(site.upstream))
    kind, code = told.of("icmp_type"), told.of("icmp_code")
    four = (
        (kind == _FRAGMENTATION_NEEDED[0]) & (code == _FRAGMENTATION_NEEDED[1]) & (told.of("ip_proto") == 1)
    )
    six = (kind == _TOO_BIG) & (told.of("ip_proto") == _ICMP6)
    quotes = np.isin(told.of("quoted_seq"), column(site.lost, "tcp_seq"))
    errors = told.only((four | six) & quotes)
    if len(errors):
        text = f"{len(errors)} ICMP errors at {site.upstream.name} tell the sender to send smaller packets"
        return Contradicted(reason=Reason(text=text, source=errors.source()))
    text = f"no ICMP error about them was seen at {site.upstream.name} on the way back to the sender"
    return Observed(reason=Reason(text=text, source=site.source(int(site.lost_rows[0]))))


def _dropped_as_too_big(site: LossSite, facts: Facts) -> tuple[Fact, ...]:
    """What the kernel of the hop counts and traces when a packet does not fit."""
    drops = facts.dropped(*_REASONS, node=site.node)
    traced: Fact = Unknown(missing="a trace of dropped packets (skb:kfree_skb)")
    if drops:
        text = f"{counted(len(drops), 'packet', 'were')} dropped as {drops[0].reason} in {drops[0].location}"
        traced = Observed(reason=Reason(text=text, source=drops[0].source))
    names = ("IpFragFails", "Ip6FragFails", "Ip6InTooBigErrors")
    return traced, counter_rose(
        facts, site.node, "nstat", names, what="the host's count of packets it could not fragment"
    )


def _rules_on_length(site: LossSite, facts: Facts) -> tuple[Fact, ...]:
    """A rule that takes packets by their length and dropped as many as were lost: then no MTU is to blame."""
    return tuple(
        Observed(
            reason=Reason(text=f"'{rule.place}: {rule.match}' dropped {delta.value}", source=delta.after)
        )
        for rule, delta in dropping_rules(facts, site)
        if _ON_LENGTH.search(rule.match)
    )


def _smaller_mtu(site: LossSite, facts: Facts, step: SizeStep | None) -> Fact:
    """An interface of the hop's node whose MTU lies inside the step."""
    if step is None:
        return Unknown(missing="ip -d link of the hop")
    for interface in facts.interfaces:
        inside = interface.mtu_bytes is not None and step.passes <= interface.mtu_bytes < step.lost
        if inside and site.node in (None, interface.node):
            text = f"{interface.name} has an MTU of {interface.mtu_bytes}"
            return Observed(reason=Reason(text=text, source=interface.source))
    return Unknown(missing="ip -d link of the hop, with an MTU that fits the step")


def _remedies(host: str, step: SizeStep | None) -> tuple[Remedy, ...]:
    clamp = "iptables -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu"
    passes = step.passes if step else 1400
    return (
        Remedy(
            title="Let the ICMP errors through",
            where="every filter between the hop that drops and the sender: ICMP type 3 code 4, ICMPv6 type 2",
            commands=(),
            price="a rule",
            risk="none",
            check="the error is captured at the sender and its next packets are smaller",
            undo=("remove the rule",),
        ),
        Remedy(
            title="Give the interfaces the MTU the path has",
            where="the sender's interface, or the network that hands it out (DHCP option 26, router advertisements)",
            commands=(f"ip link set dev DEVICE mtu {passes}",),
            price="guests have to renew their lease or restart their network",
            risk="low",
            check="large transfers pass",
            undo=("ip link set dev DEVICE mtu FORMER_VALUE",),
        ),
        Remedy(
            title="Clamp the segment size where the path narrows",
            where=host,
            commands=(clamp,),
            price="helps TCP only",
            risk="low",
            check="the SYN behind the hop carries a smaller MSS",
            undo=(clamp.replace("-A FORWARD", "-D FORWARD"),),
        ),
        Remedy(
            title="Let senders probe for the MTU",
            where="the sender, where it is yours",
            commands=("sysctl -w net.ipv4.tcp_mtu_probing=1",),
            price="the first stall remains (RFC 4821)",
            risk="low",
            check="after some repetitions smaller segments are sent",
            undo=("sysctl -w net.ipv4.tcp_mtu_probing=0",),
        ),
    )


_NEXT: Final = (
    Step(
        text="From the sender, find the size that passes, and see where the error message stays.",
        commands=("ping -M do -s 1472 RECEIVER", "tracepath -n RECEIVER", "tcpdump -ni any 'icmp or icmp6'"),
    ),
)
