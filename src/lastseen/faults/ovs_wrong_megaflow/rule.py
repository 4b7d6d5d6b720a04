"""ovs-vswitchd and the kernel disagree about a flow's key: the flow cannot be installed, and its packets go nowhere.

After an update of one of the two a key or an action that one side builds is refused by the other with "Invalid
argument" (Open vSwitch lib/dpif.c, log_flow_message and log_execute_message). Deterministic for a class of packets:
the same protocol step fails every time. Example: Open vSwitch 2.8.0 and 2.8.1 with kernel 3.10.0-693.2.2.el7, mended
in 2.8.2.
"""

from typing import Final

from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.open_vswitch import lines_about_lost
from lastseen.faults.patterns import gone_for_good, without_loss
from lastseen.faults.weighing import Account, Fact, Observed, Unknown, weigh
from lastseen.tables.counted import counted
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "ovs_wrong_megaflow"
TITLE: Final = "Open vSwitch cannot install a flow, because kernel and ovs-vswitchd disagree about its key"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "ovs_upcall_lost": "there packets do not reach ovs-vswitchd at all, and the count of lost ones rises",
}
_VERSIONS: Final = ("openvswitch", "ovs-vswitchd", "openvswitch_module", "kernel")


def judge(facts: Facts) -> Judgement:
    """Supported where a class of packets is lost at a switch whose log says that their flow was refused."""
    otherwise = without_loss(SLUG, facts, missing="captures before and behind the switch, and its log")
    return weigh(SLUG, (_account(site, facts) for site in facts.losses()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    said = _said(facts, site)
    host = facts.host(site.node)
    versions = [v for name in _VERSIONS if (v := facts.version(name, site.node))]
    return Account(
        required=(said, gone_for_good(site)),
        agreeing=(said,),
        context=tuple(Reason(text=f"{v.name} {v.version}", source=v.source) for v in versions),
        telling=isinstance(said, Observed),
        summary=f"{counted(len(site.lost_rows), 'packet', 'have')} no flow on {host}: the kernel refuses "
        "what ovs-vswitchd asks for",
        component=f"Open vSwitch on {host}: its versions do not fit together",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _said(facts: Facts, site: LossSite) -> Fact:
    """The switch's own log, about packets between the ends of the lost ones."""
    lines = [
        line for line in lines_about_lost(facts, site, "ovs_flow_refused") if line.line.packet is not None
    ]
    if lines:
        text = f'the kernel refused the flow of lost packets: "{lines[0].line.text.strip()[:160]}"'
        return Observed(reason=Reason(text=text, source=lines[0].line.source))
    return Unknown(
        missing="a line of ovs-vswitchd.log that the lost packets' flow was refused (lines are rate-limited)"
    )


_REMEDIES: Final = (
    Remedy(
        title="Run versions that belong together",
        where="the host: Open vSwitch and its kernel module or kernel",
        commands=("ovs-vswitchd --version", "modinfo openvswitch | head -3", "uname -r"),
        price="an update and a restart of the switch",
        risk="low; traffic stops for a moment",
        check="the log line does not come back",
        undo=("the former versions",),
    ),
)
_NEXT: Final = (
    Step(
        text="See what the switch complains of, and whether a flow exists for the packet.",
        commands=(
            "grep -E 'failed to put|execute .* failed' /var/log/openvswitch/ovs-vswitchd.log",
            "ovs-appctl dpctl/dump-flows -m",
            "ovs-appctl dpif/show-dp-features BRIDGE",
        ),
    ),
)
