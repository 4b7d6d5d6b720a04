"""A host puts fragments together to look at the whole, and the whole does not fit the next link.

Bridge netfilter and connection tracking reassemble before they judge; what is sent on has to be cut again, which
fails where the bridge's next port has a smaller MTU or may not fragment (Linux net/bridge/br_netfilter_hooks.c,
net/ipv4/ip_output.c). Reported for the hybrid firewall of OpenStack Neutron (Launchpad 1542032). Captures alone show
fragments that vanish, as with any filter; the count of packets that could not be cut tells the two apart.
"""

from typing import Final

import numpy as np

from lastseen.faults.counting import counter_rose
from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.patterns import without_loss
from lastseen.faults.weighing import Account, Contradicted, Fact, Observed, Unknown, first_observed, weigh
from lastseen.tables.counted import all_of, some_of
from lastseen.tables.details import column
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "reassembled_too_big"
TITLE: Final = "fragments are put together on the way, and the whole does not fit the next link"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "fragments_dropped": "there a filter takes the fragments, and no count of packets that could not be cut rises",
}


def judge(facts: Facts) -> Judgement:
    """Supported where whole sets of fragments are lost at a host that counts packets it could not cut."""
    otherwise = without_loss(SLUG, facts, missing="captures on both sides of the host that reassembles")
    return weigh(SLUG, (_account(site, facts) for site in facts.lossy()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    whole = _largest_whole(site)
    told = (
        counter_rose(
            facts,
            site.node,
            "nstat",
            ("IpFragFails", "Ip6FragFails"),
            what="the count of packets that could not be cut",
        ),
        counter_rose(
            facts, site.node, "link", ("tx_dropped",), what="a link's count of packets it did not send"
        ),
    )
    return Account(
        required=(_complete(site, whole), _too_big(site, facts, whole), first_observed(told)),
        agreeing=told,
        telling=isinstance(told[0], Observed),
        summary=f"datagrams of {whole} bytes are put together on {facts.host(site.node)} and do not fit the link "
        f"towards {site.downstream.name}",
        component=f"reassembly (bridge netfilter) on {facts.host(site.node)}",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _largest_whole(site: LossSite) -> int:
    """IP length of the largest datagram all of whose fragments were lost; 0 where none is whole."""
    rows = site.lost
    size = column(rows, "ip_len") - column(rows, "ip_hdr_len")
    begin, ident = column(rows, "ip_frag_offset"), column(rows, "ip_id")
    largest = 0
    for number in np.unique(ident[column(rows, "ip_fragment") == 1]).tolist():
        mine = ident == number
        last = mine & (column(rows, "ip_mf") == 0)
        end = int((begin + size)[last].max()) if last.any() else 0
        if end and int(size[mine].sum()) == end:
            largest = max(largest, end + int(column(rows, "ip_hdr_len")[mine].min()))
    return largest


def _complete(site: LossSite, whole: int) -> Fact:
    fragment = column(site.lost, "ip_fragment") == 1
    source = site.source(int(site.lost_rows[0]))
    if not fragment.all() or not whole:
        text = (
            f"{some_of(int(fragment.sum()), len(fragment), 'lost packet', 'are')} fragments, of no "
            "datagram all of them"
        )
        return Contradicted(reason=Reason(text=text, source=source))
    text = (
        f"{all_of(len(fragment), 'lost packet', 'are')} fragments, with which whole datagrams of up to "
        f"{whole} bytes went"
    )
    return Observed(reason=Reason(text=text, source=source))


def _too_big(site: LossSite, facts: Facts, whole: int) -> Fact:
    """The whole is larger than an MTU of the host."""
    mine = [i for i in facts.interfaces if i.mtu_bytes is not None and site.node in (None, i.node)]
    small = [i for i in mine if i.mtu_bytes is not None and i.mtu_bytes < whole]
    if small:
        text = f"{small[0].name} has an MTU of {small[0].mtu_bytes}"
        return Observed(reason=Reason(text=text, source=small[0].source))
    return Unknown(missing="ip -d link of the host that reassembles (an MTU below the whole)")


_REMEDIES: Final = (
    Remedy(
        title="Give every interface of the bridge the same MTU",
        where="the bridge, its veths and ports (qbr, qvb, qvo)",
        commands=("ip link set dev INTERFACE mtu MTU",),
        price="a change of the configuration",
        risk="low",
        check="IpFragFails stands still, and ping -s 4000 is answered",
        undo=("ip link set dev INTERFACE mtu FORMER_VALUE",),
    ),
    Remedy(
        title="Filter in Open vSwitch instead of a Linux bridge",
        where="Neutron on the compute hosts: firewall_driver = openvswitch",
        commands=(),
        price="a migration",
        risk="low; connections are interrupted when the agent restarts",
        check="ping -s 4000 is answered",
        undo=("firewall_driver = iptables_hybrid",),
    ),
)
_NEXT: Final = (
    Step(
        text="Send a large datagram and see whether the host could cut it again.",
        commands=("ping -c 3 -s 4000 DESTINATION", "nstat -az | grep -i frag", "ip -s -d link"),
    ),
)
