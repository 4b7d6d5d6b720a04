"""A pipeline is too long for the switch: what exceeds its depth is dropped.

The kernel datapath nests at most five executions and keeps ten deferred actions a CPU (Linux
net/openvswitch/actions.c); ovs-vswitchd nests 64 tables and follows 4,096 resubmits (Open vSwitch
ofproto/ofproto-dpif-xlate.c). Beyond that the packet is dropped, and a rate-limited line is logged. The same flows are
hit each time, whatever the size and rate of their packets.
"""

from typing import Final

from lastseen.faults.counting import counter_covers
from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.open_vswitch import lines_about_lost
from lastseen.faults.patterns import gone_for_good, without_loss
from lastseen.faults.unanswered import traced
from lastseen.faults.weighing import Account, Fact, Observed, Unknown, first_observed, weigh
from lastseen.tables.counted import agreed, counted
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "ovs_recirculation_limit"
TITLE: Final = "a switch pipeline is too long, and the switch drops what exceeds its depth"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "firewall_deny": "there a flow drops on purpose, and counts as many as were lost",
}
_COVERAGE: Final = ("drop_action_recursion_too_deep", "drop_action_too_many_resubmit")


def judge(facts: Facts) -> Judgement:
    """Supported where flows lose everything from some moment on at a switch that says its depth was exceeded."""
    otherwise = without_loss(SLUG, facts, missing="captures before and behind the switch")
    return weigh(SLUG, (_account(site, facts) for site in facts.losses()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    told = _told(facts, site)
    limit = first_observed(told)
    host = facts.host(site.node)
    return Account(
        required=(limit, gone_for_good(site)),
        agreeing=told,
        telling=isinstance(limit, Observed),
        summary=f"{counted(len(site.lost_rows), 'packet', 'exceed')} the depth of the switch on {host} and "
        f"{agreed(len(site.lost_rows), 'are')} dropped",
        component=f"the Open vSwitch pipeline of {host}",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _told(facts: Facts, site: LossSite) -> tuple[Fact, ...]:
    counts = (
        counter_covers(facts, site, "ovs_coverage", name, what=f"the switch's count {name}")
        for name in _COVERAGE
    )
    return (
        _logged(facts, site),
        traced(facts, "OVS_DROP_RECURSION_LIMIT", "OVS_DROP_DEFERRED_LIMIT"),
        *counts,
    )


def _logged(facts: Facts, site: LossSite) -> Fact:
    """A line of the kernel (which names no packet) or of ovs-vswitchd (which names the lost ones)."""
    lines = lines_about_lost(facts, site, "ovs_recursion")
    if lines:
        text = f'the depth was exceeded: "{lines[0].line.text.strip()[:120]}"'
        return Observed(reason=Reason(text=text, source=lines[0].line.source))
    return Unknown(
        missing="the kernel log and ovs-vswitchd.log of that time, with the limit that was exceeded"
    )


_REMEDIES: Final = (
    Remedy(
        title="Mend the loop in the rules",
        where="the rules of the switch, or the controller that writes them",
        commands=("ovs-appctl ofproto/trace BRIDGE FLOW",),
        price="work",
        risk="none",
        check="the log line does not come back and the flow passes",
        undo=("the former rules",),
    ),
    Remedy(
        title="Shorten the pipeline, or split the bridge",
        where="the rules of the switch, or the controller that writes them",
        commands=("ovs-appctl ofproto/trace BRIDGE FLOW",),
        price="a change of the design",
        risk="medium",
        check="the log line does not come back and the flow passes",
        undo=("the former rules",),
    ),
)
_NEXT: Final = (
    Step(
        text="See what the switch would do with such a packet, and what kernel and switch say.",
        commands=(
            "ovs-appctl ofproto/trace BRIDGE FLOW",
            "dmesg | grep -E 'recursion limit|deferred action limit'",
            "grep -E 'translation depth|resubmit' /var/log/openvswitch/ovs-vswitchd.log",
            "ovs-appctl coverage/show | grep drop_action",
        ),
    ),
)
