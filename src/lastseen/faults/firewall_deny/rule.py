"""A rule does not allow the traffic: security group, network policy, ACL, firewall.

The rule takes what it matches, from the first packet on, whatever size or time. It may drop silently or reject with
a reset or an ICMP error. What makes it this fault is the rule itself: read as text it takes every lost packet and
no delivered one, or its hits and the lost packets are the same number.
"""

from collections import Counter as Counts
from typing import Final

import numpy as np

from lastseen.faults.counting import LAYERS, agrees, lost_at, moved_text
from lastseen.faults.facts import Delta, Facts, LossSite
from lastseen.faults.invalid import asks_state, drops_invalid, invalid_count
from lastseen.faults.patterns import without_loss
from lastseen.faults.rule_match import NO, UNKNOWN, YES, Passage, takes
from lastseen.faults.weighing import Account, Contradicted, Fact, Observed, Unknown, first_observed, weigh
from lastseen.tables.details import column
from lastseen.tables.facts_from_texts import Rule
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "firewall_deny"
TITLE: Final = "a rule does not allow the traffic"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "port_security": "a rule about the packet's own source is anti-spoofing",
    "rate_limit": "there the rule has a limit, and takes what exceeds it",
    "ecn_blackhole": "a rule on ECN flags is both: this names the rule, that the property",
    "fragments_dropped": "a rule on fragments is both",
    "reset_injected": "a rule that rejects with a reset is both: this names the rule",
    "packet_corruption": "there a rule drops what conntrack calls invalid, for its checksum",
}
FEWEST: Final = 3
"""A trace of fewer drops than this may be other packets'."""
TELLING: Final = 0.05
_UNTELLING: Final = ("NOT_SPECIFIED", "QUEUE_PURGE", "TCP_OLD_DATA", "OTHERHOST")
"""Reasons that healthy runs show as well (seen in recorded traces)."""
_LIMITS: Final = ("limit", "hashlimit", "meter", "quota", "numgen", "statistic", "police")
_ICMP, _UNREACHABLE, _PROHIBITED = 1, 3, (9, 10, 13)
"""RFC 1812, 5.2.7.1: communication administratively prohibited."""


def judge(facts: Facts) -> Judgement:
    """Supported where a rule that discards takes just what was lost."""
    sites = [site for site in facts.sites if len(site.lost_rows)]
    otherwise = without_loss(SLUG, facts, missing="captures on both sides of the firewall")
    return weigh(SLUG, (_account(site, facts) for site in sites), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    rule = _rule(site, facts)
    told = (rule, _traced(site, facts))
    said = first_observed(told)
    prohibited = _prohibited(site, facts)
    host = facts.host(site.node)
    return Account(
        required=(said if not isinstance(prohibited, Observed) else prohibited,),
        agreeing=told,
        context=(prohibited.reason,) if isinstance(prohibited, Observed) else (),
        general=True,
        summary=f"{len(site.lost_rows)} packets are not allowed to pass {host} from {site.upstream.name} to "
        f"{site.downstream.name}: a rule discards them",
        component=f"a firewall rule, security group or ACL on {host}",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _rule(site: LossSite, facts: Facts) -> Fact:
    """The rule that discarded: hit as often as packets were lost, and by its text it takes them and not the others."""
    lost = lost_at(site)
    passage = Passage(enters=site.upstream.interface, leaves=site.downstream.interface)
    hit: list[tuple[Rule, Delta]] = []
    for layer in LAYERS:
        for rule, delta in facts.rule_deltas(site.node, layer):
            if rule.drops and not drops_invalid(rule) and not _is_limited(rule) and agrees(delta.value, lost):
                hit.append((rule, delta))
    for rule, delta in hit:
        if _fits(rule, site, passage):
            text = moved_text(f"the rule '{rule.place}: {rule.match} {rule.actions}'", delta, lost)
            return Observed(reason=Reason(text=text, source=delta.after))
    if hit:
        rule, delta = hit[0]
        text = f"the rule '{rule.place}: {rule.match}' was hit as often, but takes other packets by its text"
        return Contradicted(reason=Reason(text=text, source=delta.after))
    return Unknown(
        missing="the rules of the hop with their hits, before and after (nft list ruleset, iptables-save -c, flows)"
    )


def _is_limited(rule: Rule) -> bool:
    return any(word in f"{rule.match} {rule.actions}" for word in _LIMITS)


def _fits(rule: Rule, site: LossSite, passage: Passage) -> bool:
    """It takes each lost packet, as far as its text tells, and spares some delivered one or nothing was delivered."""
    lost, passed = takes(rule, site.lost, passage), takes(rule, site.delivered, passage)
    if (lost == NO).any():
        return False
    if not len(passed) or not (passed == YES).any():
        return True
    return bool((passed == NO).all()) or (asks_state(rule) and bool((passed <= UNKNOWN).all()))


def _traced(site: LossSite, facts: Facts) -> Fact:
    """The kernel's drop trace blames the rule set, as often as packets of one shape were lost, and conntrack none."""
    drops = facts.dropped("NETFILTER_DROP", node=site.node)
    lost = lost_at(site)
    shaped = any(c.separates and (c.p_value <= TELLING or not c.delivered_total) for c in site.contrasts)
    quiet = isinstance(invalid_count(facts, site), Contradicted)
    full = facts.moved("conntrack", ("drop", "insert_failed"), site.node)
    others = Counts(j.drop.reason for j in facts.drops if j.drop.reason not in ("", *_UNTELLING))
    alone = not any(agrees(count, lost) for reason, count in others.items() if reason != "NETFILTER_DROP")
    if len(drops) >= FEWEST and agrees(len(drops), lost) and shaped and quiet and full is None and alone:
        text = (
            f"the rule set dropped {len(drops)} packets (NETFILTER_DROP), as many as were lost, and "
            "conntrack called none of "
            "them invalid"
        )
        return Observed(reason=Reason(text=text, source=drops[0].source))
    return Unknown(missing="a trace of dropped packets (skb:kfree_skb, nft monitor trace)")


def _prohibited(site: LossSite, facts: Facts) -> Fact:
    """An ICMP error of the hop says that the traffic is prohibited, quoting what was lost."""
    for number in range(len(facts.matching.points)):
        said = facts.tracks.datagrams(number)
        errors = said.only(
            (said.of("ip_proto") == _ICMP)
            & (said.of("icmp_type") == _UNREACHABLE)
            & np.isin(said.of("icmp_code"), _PROHIBITED)
            & np.isin(said.of("quoted_ip_id"), column(site.lost, "ip_id"))
        )
        if len(errors):
            text = (
                f"{len(errors)} ICMP errors at {errors.point.name} say that these packets are "
                "administratively prohibited"
            )
            return Observed(reason=Reason(text=text, source=errors.source()))
    return Unknown(missing="an ICMP error that says so")


_REMEDIES: Final = (
    Remedy(
        title="Allow the traffic",
        where="the rule that counted, or better the policy it comes from (security group, NetworkPolicy, ACL)",
        commands=(
            "openstack security group rule create --protocol tcp --dst-port PORT --remote-ip ADDRESS GROUP",
        ),
        price="none",
        risk="opens access; allow no more than is needed",
        check="the connection opens, and the rule's counter stands still",
        undo=("openstack security group rule delete RULE",),
    ),
)
_NEXT: Final = (
    Step(
        text="See which rule takes the packet.",
        commands=(
            "nft list ruleset -a",
            "nft monitor trace   # after: nft add rule ... meta nftrace set 1",
            "iptables-save -c",
        ),
    ),
)
