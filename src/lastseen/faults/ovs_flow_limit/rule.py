"""The datapath's flow limit is reached, or lowered by slow revalidators: flows are evicted or not installed.

ovs-vswitchd allows fewer flows when dumping them takes long (Open vSwitch ofproto/ofproto-dpif-upcall.c, revalidate
and udpif_revalidator); at the limit new flows are not installed and idle ones die at once, so that every packet of
them is an upcall again, and some of those are lost.
"""

from typing import Final

from lastseen.faults.counting import logged
from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.open_vswitch import at_flow_limit, upcalls_lost
from lastseen.faults.patterns import without_loss
from lastseen.faults.weighing import Account, Observed, first_known, first_observed, weigh
from lastseen.tables.counted import counted
from lastseen.tables.judgements import Judgement, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "ovs_flow_limit"
TITLE: Final = "Open vSwitch's flow limit is reached, so that packets of flows in use are lost"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "ovs_upcall_lost": "there only packets without a flow suffer, and the limit is far away",
}


def judge(facts: Facts) -> Judgement:
    """Supported where packets were lost at a switch that lost upcalls while its flows were at their limit."""
    otherwise = without_loss(SLUG, facts, missing="captures before and behind the switch")
    return weigh(SLUG, (_account(site, facts) for site in facts.losses()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    full, told = at_flow_limit(facts, site.node), upcalls_lost(facts, site)
    limit = first_observed(full)
    lost = first_known(told)
    host = facts.host(site.node)
    return Account(
        required=(limit, lost),
        agreeing=(
            *full,
            logged(facts, "ovs_slow_flow_dump", site.node, "dumping the flows takes too long"),
            *told,
        ),
        telling=isinstance(limit, Observed),
        summary=f"{counted(len(site.lost_rows), 'packet', 'are')} lost at Open vSwitch on {host}, whose "
        "datapath flows are at "
        "their limit",
        component=f"the flow limit of Open vSwitch on {host}",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


_REMEDIES: Final = (
    Remedy(
        title="Make fewer flows",
        where="the rules: matches on ports in every table make a flow of each connection",
        commands=("ovs-appctl dpctl/dump-flows | wc -l",),
        price="a change of the rules",
        risk="low",
        check="upcall/show: current well below limit",
        undo=("the former rules",),
    ),
    Remedy(
        title="Allow more flows, and more threads to look after them",
        where="Open vSwitch on the host",
        commands=(
            "ovs-vsctl set Open_vSwitch . other_config:flow-limit=400000",
            "ovs-vsctl set Open_vSwitch . other_config:n-revalidator-threads=4",
        ),
        price="CPU for revalidation",
        risk="slower reaction to changes of rules",
        check="upcall/show: current well below limit",
        undo=(
            "ovs-vsctl remove Open_vSwitch . other_config flow-limit",
            "ovs-vsctl remove Open_vSwitch . other_config n-revalidator-threads",
        ),
    ),
)
_NEXT: Final = (
    Step(
        text="While packets are lost:",
        commands=(
            "ovs-appctl upcall/show   # current beside limit; dump duration",
            "ovs-appctl coverage/show | grep flow_limit",
            "ovs-appctl dpctl/show",
        ),
    ),
)
