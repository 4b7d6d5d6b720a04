"""Anti-spoofing drops packets whose source address is not the port's own.

Neutron's port security, OVN's in_check_port_sec, Calico's workload rules and hypervisors' MAC filters let a guest
send with its own addresses only. Failover addresses, nested machines and routers in guests fail there, while the
guest's own address works.
"""

import re
from typing import Final

import numpy as np

from lastseen.faults.counting import dropping_rules
from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.patterns import without_loss
from lastseen.faults.weighing import Account, Contradicted, Fact, Observed, Unknown, weigh
from lastseen.tables.counted import agreed, counted
from lastseen.tables.details import column
from lastseen.tables.facts_from_texts import Rule
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "port_security"
TITLE: Final = "anti-spoofing drops packets with a source address that is not the port's"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "firewall_deny": "there the rule asks for something else than the packet's own source",
}
_ON_SOURCE: Final = re.compile(
    r"ether saddr|ip6? saddr != |--mac-source|! -s |-s .* -m mac|dl_src|eth_src|arp_sha|port_sec|spoof|inport.*eth\.src"
)
"""How nft, iptables, Open vSwitch and OVN ask for a packet's own source."""


def judge(facts: Facts) -> Judgement:
    """Supported where everything from one source is lost at a rule about sources, and others pass."""
    otherwise = without_loss(SLUG, facts, missing="captures at the port and behind the switch")
    return weigh(SLUG, (_account(site, facts) for site in facts.losses()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    rule = _rule(site, facts)
    return Account(
        required=(rule, _foreign(site)),
        agreeing=(rule,),
        telling=isinstance(rule, Observed),
        summary=f"{counted(len(site.lost_rows), 'packet')} with a source that is not the port's "
        f"{agreed(len(site.lost_rows), 'are')} dropped "
        f"behind {site.upstream.name}",
        component=f"port security (anti-spoofing) on {facts.host(site.node)}",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _rule(site: LossSite, facts: Facts) -> Fact:
    found = [(rule, delta) for rule, delta in dropping_rules(facts, site) if _asks_source(rule)]
    if found:
        rule, delta = found[0]
        text = (
            f"the rule '{rule.place}: {rule.match}', which asks for the source, dropped "
            f"{counted(delta.value, 'packet')}"
        )
        return Observed(reason=Reason(text=text, source=delta.after))
    return Unknown(missing="the anti-spoofing rules of the port with their hits, before and after")


def _asks_source(rule: Rule) -> bool:
    return _ON_SOURCE.search(f"{rule.place} {rule.match}") is not None


def _foreign(site: LossSite) -> Fact:
    """Lost and delivered packets differ in their source MAC or IP address; one source has one fate."""
    source = site.source(int(site.lost_rows[0]))
    for name, text in (("eth_src", "MAC"), ("ip_src", "IP")):
        lost, passed = np.unique(column(site.lost, name)), np.unique(column(site.delivered, name))
        if not np.isin(lost, passed).any():
            said = f"all lost packets have a source {text} address that no delivered one has"
            return Observed(reason=Reason(text=said, source=source))
    text = "packets with the same sources passed"
    return Contradicted(reason=Reason(text=text, source=site.source(int(site.delivered_rows[0]))))


_REMEDIES: Final = (
    Remedy(
        title="Allow the further address on that port",
        where="the cloud's network service: allowed address pairs (Neutron), workloadSourceSpoofing (Calico)",
        commands=("openstack port set --allowed-address ip-address=ADDRESS PORT",),
        price="configuration",
        risk="the guest may use that address, too",
        check="packets with it pass",
        undo=("openstack port unset --allowed-address ip-address=ADDRESS PORT",),
    ),
    Remedy(
        title="Switch port security off for that port",
        where="the cloud's network service",
        commands=("openstack port set --no-security-group --disable-port-security PORT",),
        price="none",
        risk="high: the guest may send with any address, and no security group applies",
        check="packets with it pass",
        undo=("openstack port set --enable-port-security PORT",),
    ),
)
_NEXT: Final = (
    Step(
        text="See which addresses the port may use, and what counts.",
        commands=(
            "openstack port show PORT -c fixed_ips -c allowed_address_pairs",
            "ovs-ofctl dump-flows br-int | grep -E 'table=(0|25|71)'",
        ),
    ),
)
