"""OVN drops everything connection tracking calls invalid, before any access rule of the user is asked.

Wherever a logical switch has stateful access rules, ovn-northd adds a flow with `ct.inv` and the action `drop` to the
stages of these rules, at priority 65532 (65535 before 2021; ovs-dev, April 2021, "Provide the option to not use ct.inv
in lflows"). No access rule mentions it. Why the packets are invalid is another question; where that is known the fault
that says it comes first.
"""

import re
from typing import Final

from lastseen.faults.counting import dropping_rules, lost_at, moved_text
from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.invalid import takes_invalid
from lastseen.faults.patterns import without_loss
from lastseen.faults.weighing import Account, Contradicted, Fact, Observed, Unknown, observed_reasons, weigh
from lastseen.tables.counted import counted
from lastseen.tables.facts_from_texts import Rule
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "ovn_acl_invalid"
TITLE: Final = "OVN drops what connection tracking calls invalid, whatever its access rules say"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "packet_corruption": "there the checksums are wrong, which is why the packets are invalid",
    "tx_checksum_broken": "there the checksums are unfinished, which is why the packets are invalid",
    "ovs_conntrack_padding": "there padding is counted with the packet, which is why it is invalid",
    "conntrack_out_of_window": "there the log names the window's bound, which is why they are invalid",
    "asymmetric_route": "there one direction takes another way, which is why the other is invalid",
    "firewall_deny": "there a rule somebody wrote takes the packets",
}
PRIORITIES: Final = (65532, 65535)
_STAGE: Final = re.compile(r"\bls_(?:in|out)_acl(?:_eval)?\b")
"""`ls_in_acl` until OVN 23.06, `ls_in_acl_eval` since."""
_INVALID: Final = re.compile(r"(?<![!\w])ct\.inv\b")


def judge(facts: Facts) -> Judgement:
    """Supported where OVN's flow for invalid packets dropped as many as were lost."""
    otherwise = without_loss(SLUG, facts, missing="captures on both sides of the chassis that drops")
    return weigh(SLUG, (_account(site, facts) for site in facts.losses()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    flow, logical = _flow(site, facts), _logical(facts)
    host = facts.host(site.node)
    return Account(
        required=(flow, logical),
        agreeing=(flow,),
        context=observed_reasons((_stateless(facts),)),
        telling=isinstance(flow, Observed),
        general=True,
        summary=f"connection tracking on {host} calls {counted(lost_at(site), 'packet')} invalid, and OVN "
        "drops what is invalid "
        "before any of its access rules",
        component=f"OVN's stage of access rules on {host}, and whatever makes these packets invalid",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _flow(site: LossSite, facts: Facts) -> Fact:
    """The flow of the hop's chassis, hit as often as packets were lost."""
    for rule, delta in dropping_rules(facts, site):
        if rule.layer == "openflow" and rule.priority in PRIORITIES and takes_invalid(rule):
            what = f"the flow '{rule.place}: priority={rule.priority},{rule.match}', which drops what is invalid,"
            return Observed(reason=Reason(text=moved_text(what, delta, lost_at(site)), source=delta.after))
    return Unknown(missing="ovs-ofctl dump-flows br-int of the chassis, before and after")


def _logical(facts: Facts) -> Fact:
    """That OVN asked for that flow: its own list has one that drops `ct.inv`."""
    flows = [r for r in facts.rules if r.layer == "ovn" and _STAGE.search(r.place)]
    found = next((rule for rule in flows if _is_for_invalid(rule)), None)
    if found is not None:
        text = f"OVN's logical flow '{found.place}: priority={found.priority} {found.match}' drops it"
        return Observed(reason=Reason(text=text, source=found.source))
    if flows:
        text = f"none of OVN's {counted(len(flows), 'logical flow')} for access rules drops what is invalid"
        return Contradicted(reason=Reason(text=text, source=flows[0].source))
    return Unknown(missing="OVN's logical flows (ovn-sbctl lflow-list)")


def _is_for_invalid(rule: Rule) -> bool:
    return rule.drops and rule.priority in PRIORITIES and _INVALID.search(rule.match) is not None


def _stateless(facts: Facts) -> Fact:
    """An access rule that leads traffic around tracking: its answers are invalid unless they are led around, too."""
    for rule in facts.rules:
        if rule.layer == "ovn_acl" and rule.actions.startswith("allow-stateless"):
            text = (
                f"the access rule '{rule.place} {rule.priority} ({rule.match})' leads packets around connection "
                "tracking (allow-stateless), which then calls the other direction invalid"
            )
            return Observed(reason=Reason(text=text, source=rule.source))
    return Unknown(missing="ovn-nbctl acl-list")


_REMEDIES: Final = (
    Remedy(
        title="Mend what makes the packets invalid",
        where="what lies before the chassis, or an access rule that tracks one direction only",
        commands=("ovn-nbctl acl-list SWITCH",),
        price="work",
        risk="none",
        check="the flow's hits stand still",
        undo=(),
    ),
    Remedy(
        title="Let invalid packets reach the ports",
        where="OVN's northbound database (OVN 21.06 or later): for the whole deployment",
        commands=("ovn-nbctl set NB_Global . options:use_ct_inv_match=false",),
        price="none at once",
        risk="medium: damaged and stray packets reach every port; their own stacks have to refuse them",
        check="ovn-sbctl lflow-list shows no ct.inv, and the packets arrive",
        undo=("ovn-nbctl remove NB_Global . options use_ct_inv_match",),
    ),
)
_NEXT: Final = (
    Step(
        text="Find out why they are invalid: look at the flow's hits, and at what conntrack says.",
        commands=(
            "ovs-ofctl dump-flows br-int | grep +inv",
            "sysctl -w net.netfilter.nf_conntrack_log_invalid=6   # kernel datapath; set back to 0 afterwards",
            "ovs-appctl dpctl/ct-stats-show",
        ),
    ),
)
