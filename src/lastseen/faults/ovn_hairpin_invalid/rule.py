"""The kernel's Open vSwitch asks connection tracking twice about a packet that has changed, and gets the first answer.

Where one flow has ct(), then a set() of addresses or ports, then ct() for the same zone, Linux before 5.19 compared the
changed packet with the entry of the unchanged one and called it invalid (net/openvswitch/actions.c; commit
2061ecfdf235). OVN makes such flows for hairpin traffic: from a port to a floating address of the same router.
"""

import re
from typing import Final

from lastseen.faults.counting import agrees, lost_at, moved_text
from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.invalid import invalid_rule, takes_invalid
from lastseen.faults.kernels import kernel_has_fix
from lastseen.faults.patterns import gone_for_good, without_loss
from lastseen.faults.weighing import Account, Fact, Observed, Unknown, first_observed, weigh
from lastseen.tables.counted import counted
from lastseen.tables.facts_from_texts import Rule
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "ovn_hairpin_invalid"
TITLE: Final = "Open vSwitch judges a packet by the connection it had before its addresses were changed"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "ovn_acl_invalid": "there no flow says why the packets are invalid",
}
FIXED_IN: Final = (5, 19)
"""Mainline; the fix went to stable kernels and to CentOS Stream 9 as well, so an older number proves nothing."""
SHOWN: Final = 200
_ZONE: Final = re.compile(r"\bzone=(\d{1,5})")
_TUPLE_CHANGED: Final = re.compile(r"set\((?:ipv[46]\([^()]{0,200}\b(?:src|dst)=|(?:tcp|udp|sctp)\()")
_RECIRC: Final = re.compile(r"\brecirc(?:_id)?\((0x[0-9a-f]{1,8}|\d{1,10})\)")


def judge(facts: Facts) -> Judgement:
    """Supported where a flow asks twice about changed packets, and as many as were lost were invalid after it."""
    otherwise = without_loss(SLUG, facts, missing="captures on both sides of the switch")
    return weigh(SLUG, (_account(site, facts) for site in facts.losses()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    flows = [r for r in facts.rules if r.layer == "datapath" and site.node in (None, r.node)]
    asking = next((r for r in flows if r.packets and asks_again(r.actions) is not None), None)
    twice = _twice(asking, flows)
    dropped = first_observed((_dropped_behind(asking, site, facts), invalid_rule(facts, site)))
    host = facts.host(site.node)
    return Account(
        required=(twice, dropped, gone_for_good(site)),
        agreeing=(twice,),
        refuting=(kernel_has_fix(facts, site.node, FIXED_IN), _in_user_space(site, facts)),
        telling=isinstance(twice, Observed),
        summary=f"{counted(len(site.lost_rows), 'packet', 'are')} compared with the connection from "
        f"before {host} changed "
        "addresses, called invalid and dropped",
        component=f"Open vSwitch's kernel datapath on {host}",
        hop=site.number,
        remedies=_remedies(host),
        next=_NEXT,
    )


def asks_again(actions: str) -> str | None:
    """The recirculation ("0x4", "": none) behind a second ct() of a zone after a change of the tuple; None: no such.

    >>> asks_again("ct(commit,zone=8,nat(src)),set(ipv4(src=172.18.2.10,dst=192.168.100.6)),ct(zone=8),recirc(0x4)")
    '0x4'
    >>> asks_again("ct(zone=8),set(ipv4(ttl=62)),ct(zone=8),recirc(0x4)")
    """
    remembered, changed, found = "", False, False
    for action in _split(actions):
        if action == "ct" or action.startswith("ct("):
            zone = _ZONE.search(action)
            number = zone[1] if zone else "0"
            found = found or (changed and remembered == number)
            remembered, changed = number, False
        elif action == "ct_clear":
            remembered = ""
        elif _TUPLE_CHANGED.match(action):
            changed = True
    recirculated = _RECIRC.search(_split(actions)[-1])
    return (recirculated[1] if recirculated else "") if found else None


def _split(actions: str) -> list[str]:
    """Actions as printed, cut at the commas outside all brackets."""
    parts, depth, begin = [], 0, 0
    for at, letter in enumerate(actions):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            parts.append(actions[begin:at])
            begin = at + 1
    return [*parts, actions[begin:]]


def _twice(asking: Rule | None, flows: list[Rule]) -> Fact:
    if asking is not None:
        text = f"a flow asks conntrack again after it changed the packet: actions:{asking.actions[:SHOWN]}"
        return Observed(reason=Reason(text=text, source=asking.source))
    what = "a datapath flow with ct(), set() of addresses or ports, and ct() of the same zone"
    return Unknown(missing=what if flows else f"ovs-appctl dpctl/dump-flows while it happens ({what})")


def _dropped_behind(asking: Rule | None, site: LossSite, facts: Facts) -> Fact:
    """The flow that follows it drops what is invalid, and was hit as often as packets were lost."""
    behind = asks_again(asking.actions) if asking is not None else None
    for rule, delta in facts.rule_deltas(site.node, "datapath") if behind else ():
        here = _RECIRC.search(rule.match)
        fits = here is not None and here[1] == behind and rule.drops and takes_invalid(rule)
        if fits and agrees(delta.value, lost_at(site)):
            what = f"the flow behind it, {rule.place}, which drops what is invalid,"
            return Observed(reason=Reason(text=moved_text(what, delta, lost_at(site)), source=delta.after))
    return Unknown(missing="the datapath flow that drops ct_state(+inv) behind it, while packets are lost")


def _in_user_space(site: LossSite, facts: Facts) -> Fact:
    """That the switch does not use the kernel's datapath: its connection tracking has no such memory."""
    shown = [c for c in facts.counters if c.family == "datapath" and site.node in (None, c.node)]
    if shown and all(c.scope.startswith("netdev@") for c in shown):
        text = f"the switch works in user space ({shown[0].scope})"
        return Observed(reason=Reason(text=text, source=shown[0].source))
    return Unknown(missing="ovs-appctl dpctl/show")


def _remedies(host: str) -> tuple[Remedy, ...]:
    return (
        Remedy(
            title="Run a kernel that forgets the entry when the packet changes",
            where=f"{host}: Linux 5.19, a stable kernel since June 2022, or a distribution's with commit 2061ecfdf235",
            commands=("uname -r",),
            price="a reboot; move the machines away first",
            risk="low",
            check="the connection opens, and no flow behind that recirculation drops +inv",
            undo=("the former kernel",),
        ),
        Remedy(
            title="Go around the hairpin",
            where="the client: the server's own address instead of its floating one",
            commands=(),
            price="a change of names or configuration",
            risk="low",
            check="the connection opens",
            undo=("the floating address",),
        ),
    )


_NEXT: Final = (
    Step(
        text="See which flows the packets take while they are lost.",
        commands=(
            "ovs-appctl dpctl/dump-flows -m | grep -E 'ct\\(.*set\\(.*ct\\('",
            "ovs-appctl dpctl/dump-flows | grep +inv",
            "uname -r",
        ),
    ),
)
