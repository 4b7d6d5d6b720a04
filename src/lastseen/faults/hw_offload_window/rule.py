"""Hardware carries a connection, connection tracking sees none of it, and the packets that come back are out of window.

A card (or the flow table) forwards an offloaded flow by itself; FINs, resets and flows that age out go to the kernel
again. conntrack still has the windows of the moment of offload and calls what lies beyond them invalid. The kernel
marks flows it offloads itself as liberal (net/netfilter/nft_flow_offload.c, net/sched/act_ct.c), so that it is met with
older kernels and where a vendor's own path carries them.
"""

from typing import Final

import numpy as np

from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.invalid import OUT_OF_WINDOW, invalid_lines_for, judged_invalid
from lastseen.faults.offloaded import offloaded
from lastseen.faults.patterns import without_loss
from lastseen.faults.weighing import (
    Account,
    Fact,
    Observed,
    Unknown,
    first_observed,
    holds,
    weigh,
)
from lastseen.faults.windows import outside_window
from lastseen.tables.counted import counted, some_of
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "hw_offload_window"
TITLE: Final = (
    "hardware carries the connection, and what comes back to the kernel is outside the window it knows"
)
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "conntrack_out_of_window": "that is what happens to the packets; this is why tracking lost sight of the window",
    "ovn_acl_invalid": "there the flow that drops is OVN's; this is why the packets are invalid",
}
LIBERAL: Final = "net.netfilter.nf_conntrack_tcp_be_liberal"


def judge(facts: Facts) -> Judgement:
    """Supported where packets of an offloaded connection are invalid, and the capture misses what hardware carried."""
    otherwise = without_loss(SLUG, facts, missing="captures on both sides of the host that offloads")
    return weigh(SLUG, (_account(site, facts) for site in facts.losses()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    marked, said = offloaded(facts, site), _invalid(site, facts)
    host = facts.host(site.node)
    return Account(
        required=(marked, _unseen(site, facts), said),
        agreeing=(marked, said),
        refuting=(_liberal(site, facts),),
        telling=isinstance(marked, Observed),
        summary=f"{counted(len(site.lost_rows), 'packet', 'come')} back from hardware to {host}, whose "
        "connection tracking "
        "missed what hardware carried and calls them invalid",
        component=f"flow offload on {host}, and the rule that drops invalid packets",
        hop=site.number,
        remedies=_remedies(host),
        next=_NEXT,
    )


def _unseen(site: LossSite, facts: Facts) -> Fact:
    """That the lost packets lie outside the window of what this capture saw: it is blind to the same as the kernel."""
    source = site.source(int(site.lost_rows[0]))
    bounds = []
    for number in sorted(site.conversations):
        track = facts.tracks.of(number, site.hop.upstream)
        bounds += [
            outside_window(track, at) for at in np.flatnonzero(np.isin(track.rows, site.lost_rows)).tolist()
        ]
    outside = [bound for bound in bounds if bound]
    text = (
        f"{some_of(len(outside), len(bounds), 'lost packet', 'lie')} outside the window by what "
        f"{site.upstream.name} saw of "
        f"the connection{': ' + outside[0] if outside else ''}"
    )
    return holds(bounds and len(outside) == len(bounds), Reason(text=text, source=source))


def _invalid(site: LossSite, facts: Facts) -> Fact:
    """That conntrack judged them so: its log, its counter, or the rule that drops what is invalid."""
    fitting, _ = invalid_lines_for(facts, site, OUT_OF_WINDOW)
    if fitting:
        text = (
            f'{counted(len(fitting), "kernel log line", "join")} lost packets to "{fitting[0].line.reason}"'
        )
        return Observed(reason=Reason(text=text, source=fitting[0].line.source))
    return first_observed(judged_invalid(facts, site))


def _liberal(site: LossSite, facts: Facts) -> Fact:
    """That tracking does not look at windows at all."""
    found = facts.setting(LIBERAL, site.node)
    if found and all(setting.value == "1" for setting in found):
        return Observed(reason=Reason(text=f"{LIBERAL} = 1: windows are not checked", source=found[0].source))
    return Unknown(missing=f"sysctl {LIBERAL}")


def _remedies(host: str) -> tuple[Remedy, ...]:
    return (
        Remedy(
            title="Let conntrack be liberal about windows",
            where=f"{host}, in the network namespace that tracks the connections",
            commands=(f"sysctl -w {LIBERAL}=1",),
            price="none at once",
            risk="only resets are still checked against the window, for all connections of the namespace",
            check="connections close, and the invalid counter stands still",
            undo=(f"sysctl -w {LIBERAL}=0",),
        ),
        Remedy(
            title="Do without offload until kernel, driver and firmware keep the window",
            where=f"{host}: Open vSwitch's offload; for nftables take the flow table out of the rules",
            commands=(
                "ovs-vsctl set Open_vSwitch . other_config:hw-offload=false",
                "systemctl restart openvswitch-switch",
            ),
            price="CPU for all traffic, and a restart of the switch",
            risk="low",
            check="conntrack -L shows no OFFLOAD marks, and connections close",
            undo=(
                "ovs-vsctl set Open_vSwitch . other_config:hw-offload=true",
                "systemctl restart openvswitch-switch",
            ),
        ),
    )  # fmt: skip


_NEXT: Final = (
    Step(
        text="See what is offloaded, and what conntrack says when such a connection ends.",
        commands=(
            "conntrack -L | grep -E 'OFFLOAD'",
            "ovs-appctl dpctl/dump-flows -m type=offloaded",
            "sysctl -w net.netfilter.nf_conntrack_log_invalid=6   # set back to 0 afterwards",
        ),
    ),
)
