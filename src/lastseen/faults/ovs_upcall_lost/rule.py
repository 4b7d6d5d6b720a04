"""Packets that match no datapath flow are handed to ovs-vswitchd, and some are lost on that way.

The kernel queues such a packet on a netlink socket; when the socket or its handler cannot keep up, it is dropped
and counted as lost (Open vSwitch lib/dpif-netlink.c, report_loss; ovs-dpctl(8)). Only the first packets of a flow are
concerned, or the first after it was idle for max-idle; later ones find the flow installed.
"""

from typing import Final

from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.open_vswitch import at_flow_limit, upcalls_lost
from lastseen.faults.patterns import passed_shortly_before, without_loss
from lastseen.faults.weighing import Account, Contradicted, Fact, Observed, first_known, weigh
from lastseen.tables.counted import all_of, counted, some_of
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "ovs_upcall_lost"
TITLE: Final = "packets without a datapath flow are lost on their way to ovs-vswitchd"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "ovs_flow_limit": "there the number of flows is at its limit, and flows in use are hit as well",
    "conntrack_table_full": "there connection tracking says that its table is full",
}
MAX_IDLE_NS: Final = 10_000_000_000
"""A flow without packets for that long is removed (other_config:max-idle, ovs-vswitchd.conf.db(5))."""
MOST_BEFORE: Final = 1
"""With connection tracking the second packet of a direction needs a flow of its own (new, then established)."""


def judge(facts: Facts) -> Judgement:
    """Supported where only packets without a flow were lost and the switch counts or logs lost upcalls."""
    otherwise = without_loss(SLUG, facts, missing="captures before and behind the switch")
    return weigh(SLUG, (_account(site, facts) for site in facts.losses()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    told = upcalls_lost(facts, site)
    lost = first_known(told)
    host = facts.host(site.node)
    return Account(
        required=(_without_flow(site), lost),
        agreeing=told,
        refuting=at_flow_limit(facts, site.node),
        telling=isinstance(lost, Observed),
        summary=f"{counted(len(site.lost_rows), 'first packet of flows')} never reach ovs-vswitchd on {host}",
        component=f"Open vSwitch on {host}: the way from the kernel to ovs-vswitchd",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _without_flow(site: LossSite) -> Fact:
    """The datapath cannot have had a flow for what was lost: (nearly) nothing of it had passed before."""
    known = passed_shortly_before(site, MAX_IDLE_NS) > MOST_BEFORE
    if known.any():
        text = f"{some_of(int(known.sum()), len(known), 'lost packet', 'are')} of flows that were passing just before"
        return Contradicted(reason=Reason(text=text, source=site.source(int(site.lost_rows[known][0]))))
    text = f"{all_of(len(known), 'lost packet', 'are')} the first of its flow and direction, or the first for 10 s"
    return Observed(reason=Reason(text=text, source=site.source(int(site.lost_rows[0]))))


_REMEDIES: Final = (
    Remedy(
        title="Stop what makes so many new flows",
        where="the traffic (port scans) or the rules (matches on ports in every table make a flow of each connection)",
        commands=("ovs-appctl dpctl/show -s", "ovs-appctl upcall/show"),
        price="work",
        risk="none",
        check="'lost' of dpctl/show stands still",
        undo=(),
    ),
    Remedy(
        title="More handler threads, or per-CPU upcalls",
        where="Open vSwitch: 2.16 or newer on Linux 5.15 or newer uses one queue a CPU, and ignores this number",
        commands=("ovs-vsctl set Open_vSwitch . other_config:n-handler-threads=8",),
        price="CPU",
        risk="low",
        check="'lost' of dpctl/show stands still",
        undo=("ovs-vsctl remove Open_vSwitch . other_config n-handler-threads",),
    ),
    Remedy(
        title="Larger receive buffers of netlink sockets",
        where="the host of the switch; ovs-vswitchd has to be restarted to ask for more",
        commands=("sysctl -w net.core.rmem_max=8388608",),
        price="kernel memory",
        risk="low",
        check="'lost' of dpctl/show stands still",
        undo=("sysctl -w net.core.rmem_max=FORMER_VALUE",),
    ),
)
_NEXT: Final = (
    Step(
        text="On the host of the switch, before and after one more try:",
        commands=(
            "ovs-appctl dpctl/show -s",
            "ovs-appctl upcall/show",
            "grep 'lost packet' /var/log/openvswitch/ovs-vswitchd.log",
            "top -H -p $(pidof ovs-vswitchd)   # handler threads at 100 %",
        ),
    ),
)
