"""A rule does not allow the traffic: security group, network policy, ACL, firewall.

The rule takes what it matches, from the first packet on, whatever size or time. It may drop silently or reject with
a reset or an ICMP error. What makes it this fault is the rule itself: read as text it takes every lost packet and
no delivered one, or its hits and the lost packets are the same number. Some refusals say it themselves, in that no
server's stack would answer so. A rule of the server's own drops what the last capture saw arrive.
"""

import ipaddress
from collections import Counter as Counts
from collections.abc import Iterator
from typing import Final

import numpy as np

from lastseen.faults.counting import agrees, dropping_rules, lost_at, moved_text
from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.invalid import asks_state, invalid_count, takes_invalid
from lastseen.faults.patterns import without_loss
from lastseen.faults.refusals import (
    EXPIRED,
    PORT,
    PROHIBITED,
    RESET,
    TCP,
    UNREACHABLE,
    Refusal,
    nothing_listens,
    owners,
    refusals,
)
from lastseen.faults.rejecting import rejecting_rule, taking_rule
from lastseen.faults.rule_match import NO, UNKNOWN, YES, Passage, takes
from lastseen.faults.unanswered import unanswered_syns
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
    "reset_injected": "a rule that rejects with a reset is both: where it is in evidence, this names it",
    "port_closed": "there nothing listens on the server: its own sockets tell",
    "ovn_acl_invalid": "there it is OVN's own flow for what conntrack calls invalid",
    "packet_corruption": "there a rule drops what conntrack calls invalid, for its checksum",
}
FEWEST: Final = 3
"""A trace of fewer drops than this may be other packets'."""
TELLING: Final = 0.05
_UNTELLING: Final = ("NOT_SPECIFIED", "QUEUE_PURGE", "TCP_OLD_DATA", "OTHERHOST")
"""Reasons that healthy runs show as well (seen in recorded traces)."""
_LIMITS: Final = ("limit", "hashlimit", "meter", "quota", "numgen", "statistic", "police", "ct count")
_V4: Final = 4


def judge(facts: Facts) -> Judgement:
    """Supported where a rule that discards takes just what was lost."""
    otherwise = without_loss(SLUG, facts, missing="captures on both sides of the firewall")
    accounts = [_account(site, facts) for site in facts.lossy()]
    return weigh(SLUG, [*accounts, *_refused(facts), *_ignored(facts)], otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    rule = _rule(site, facts)
    told = (rule, _traced(site, facts))
    said = first_observed(told)
    host = facts.host(site.node)
    count = f"{len(site.lost_rows)} packets are" if len(site.lost_rows) > 1 else "1 packet is"
    return Account(
        required=(said,),
        agreeing=told,
        general=True,
        summary=f"{count} not allowed to pass {host} from {site.upstream.name} to "
        f"{site.downstream.name}: a rule discards {'them' if len(site.lost_rows) > 1 else 'it'}",
        component=f"a firewall rule, security group or ACL on {host}",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _rule(site: LossSite, facts: Facts) -> Fact:
    """The rule that discarded: hit as often as packets were lost, and by its text it takes them and not the others."""
    lost = lost_at(site)
    dropping = dropping_rules(facts, site)
    hit = [(r, d) for r, d in dropping if not takes_invalid(r) and not _is_limited(r)]
    invalid = min((abs(d.value - lost) for r, d in dropping if takes_invalid(r)), default=lost)
    for rule, delta in hit:
        off = abs(delta.value - lost)
        if off > invalid or (off == invalid and not rule.match):
            continue  # what drops invalid packets explains them better
        if _fits(rule, site):
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


def _passage(rule: Rule, site: LossSite) -> Passage:
    """The interfaces of the hop that are the rule's host's: by those of another host it asks for nothing."""
    enters, leaves = (
        point.interface if site.node is not None or point.node == rule.node else ""
        for point in (site.upstream, site.downstream)
    )
    return Passage(enters=enters, leaves=leaves)


def _fits(rule: Rule, site: LossSite) -> bool:
    """It takes each lost packet, as far as its text tells, and spares some delivered one or nothing was delivered."""
    passage = _passage(rule, site)
    lost, passed = takes(rule, site.lost, passage), takes(rule, site.delivered, passage)
    if (lost == NO).any():
        return False
    if site.node is None and (lost == UNKNOWN).any() and len(passed):
        return bool((passed == NO).all())
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
            f"the rule set dropped {counted(len(drops), 'packet')} (NETFILTER_DROP), as many as were lost, and "
            "conntrack called none of "
            "them invalid"
        )
        return Observed(reason=Reason(text=text, source=drops[0].source))
    return Unknown(missing="a trace of dropped packets (skb:kfree_skb, nft monitor trace)")


# ---- refused ----
def _refused(facts: Facts) -> Iterator[Account]:
    """Attempts that were refused by a rule, or in a way in which only a rule refuses."""
    found = [refusal for refusal in refusals(facts) if refusal.kind != EXPIRED]
    for refusal in found:
        rule, said = rejecting_rule(refusal, found, facts), _only_a_rule(refusal)
        site = _site_of(refusal, facts)
        host = _refuser(refusal, facts, site)
        closed = nothing_listens(refusal, facts) if refusal.own else rule
        explained = isinstance(rule, Observed) or isinstance(said, Observed)
        yield Account(
            required=(Observed(reason=refusal.reason), first_observed((rule, said))),
            agreeing=(rule,),
            context=observed_reasons((said,)) if isinstance(rule, Observed) else (),
            refuting=() if explained or not isinstance(closed, Observed) else (closed,),
            telling=refusal.kind != UNREACHABLE and not facts.losses() and not facts.stalled(),
            general=True,
            summary=f"{refusal.text} is not allowed: {host} refused it by {refusal.kind}",
            component=f"a firewall rule, security group or ACL on {host}",
            hop=None if site is None else site.number,
            remedies=_REMEDIES,
            next=_NEXT,
        )


def _only_a_rule(refusal: Refusal) -> Fact:
    """That no server's stack refuses so."""
    text = ""
    if refusal.kind == PROHIBITED:
        text = "the refusal itself says that a policy forbids the traffic"
    elif refusal.kind == PORT and refusal.proto == TCP:
        text = (
            "TCP answers a closed port by a reset: 'port unreachable' for it comes from a rule that rejects"
        )
    elif refusal.kind == PORT and not refusal.own:
        text = "'port unreachable' came from another address than the server's"
    if text:
        return Observed(reason=Reason(text=text, source=refusal.answers.source()))
    return Unknown(missing="the rules of the host that refuses, with their hits, before and after")


def _site_of(refusal: Refusal, facts: Facts) -> LossSite | None:
    """The hop at which what was refused is missing."""
    for site in facts.sites:
        if site.upstream is refusal.point and np.isin(refusal.refused.rows, site.missing_rows).any():
            return site
    return None


def _refuser(refusal: Refusal, facts: Facts, site: LossSite | None) -> str:
    """Who refused, in words."""
    if site is not None and site.node is not None:
        return facts.host(site.node)
    address = refusal.server.address
    if not refusal.own and int(refusal.answers.of("ip_version")[0]) == _V4:
        address = str(ipaddress.IPv4Address(int(refusal.answers.of("ip_src")[0])))
    nodes = owners(facts, address)
    if len(nodes) == 1 and (refusal.kind != RESET or refusal.point.node in nodes):
        return facts.host(nodes.pop())
    if refusal.behind is not None:
        return f"a device between {refusal.behind.name} and {refusal.point.name}"
    return f"a device at {refusal.point.name} or beyond it"


# ---- ignored at the last host ----
def _ignored(facts: Facts) -> Iterator[Account]:
    """Handshakes that reach the last point and that a rule on the server itself drops."""
    found = unanswered_syns(facts)
    for unanswered in found:
        server = {address for address, _ in unanswered.conversation.endpoints}
        nodes = set().union(*(owners(facts, address) for address in server))

        def drops(rule: Rule, nodes: set[str] = nodes) -> bool:
            return rule.drops and rule.node in nodes and not takes_invalid(rule) and not _is_limited(rule)

        rule = taking_rule(unanswered.syns, [u.syns for u in found], facts, wanted=drops)
        yield Account(
            required=(Observed(reason=unanswered.reason), rule),
            agreeing=(rule,),
            general=True,
            summary=f"a rule on the host of {unanswered.syns.point.name} or behind it drops the SYN of "
            f"{unanswered.conversation.text}",
            component="a firewall rule on the server itself",
            remedies=_REMEDIES,
            next=_NEXT,
        )


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
