"""Two ends of one layer 2 segment have different MTUs: what is too large for the smaller one vanishes without a word.

A bridge or veth has no way to answer with ICMP; is_skb_forwardable() (Linux net/core/dev.c) is simply false and the
frame is freed. A switch that wraps packets into a tunnel has none either: there the MTU below, less the tunnel's
headers, is what fits. What tells it from the MTU of a path is that nothing between the two points is a router: the
TTL is the same on both sides.
"""

from typing import Final

import numpy as np

from lastseen.faults.counting import counter_agrees, logged
from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.patterns import (
    SMALLEST_MTU,
    SizeStep,
    no_size_step,
    size_step,
    ttl_unchanged,
    without_loss,
)
from lastseen.faults.weighing import Account, Contradicted, Fact, Observed, Unknown, holds, weigh
from lastseen.tables.details import column
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "l2_mtu_mismatch"
TITLE: Final = (
    "the MTU differs inside one layer 2 segment, so frames that are too large vanish without an error"
)
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "path_mtu_blackhole": "there a router lies between the points: the TTL is lower behind it",
}

ETHERNET_BYTES: Final = 14
"""The outer Ethernet header, which an MTU does not count."""

TAG_BYTES: Final = 4
"""What passes beyond the MTU: room for a VLAN tag, used or not (Linux netdevice.h, __is_skb_forwardable)."""


def judge(facts: Facts) -> Judgement:
    """Supported where loss begins at a size between two points of one host with no router between them."""
    otherwise = without_loss(
        SLUG, facts, missing="captures on both ends of the segment (both veths, or bridge ports)"
    )
    return weigh(SLUG, (_account(site, facts) for site in facts.losses()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    step = size_step(site)
    host = facts.host(site.node)
    tunnel = _tunnel_mtu(site, facts, step)
    mtu = tunnel or _smaller_mtu(site, facts, step)
    return Account(
        required=(_step(site, step), ttl_unchanged(site), mtu),
        agreeing=(
            mtu,
            counter_agrees(
                facts, site, "link", ("tx_dropped", "rx_dropped", "rx_errors"), what="a link's drop counter"
            ),
            logged(
                facts, "ovs_too_long", site.node, "the switch says that it sent packets that are too long"
            ),
        ),
        telling=step is not None and step.lost > SMALLEST_MTU,
        summary=f"frames with more than {step.passes if step else '?'} bytes of IP vanish between "
        f"{site.upstream.name} and {site.downstream.name}, which are one layer 2 segment with two MTUs",
        component=f"the segment between {site.upstream.name} and {site.downstream.name} on {host}",
        hop=site.number,
        remedies=_remedies(host) if tunnel is None else _TUNNEL_REMEDIES,
        next=_NEXT,
    )


def _step(site: LossSite, step: SizeStep | None) -> Fact:
    if step is None:
        return no_size_step(site)
    text = f"delivered packets have at most {step.passes} bytes of IP, lost ones at least {step.lost}"
    return holds(step.lost > SMALLEST_MTU, Reason(text=text, source=site.source(int(site.lost_rows[0]))))


def _smaller_mtu(site: LossSite, facts: Facts, step: SizeStep | None) -> Fact:
    """An interface of the hop's host whose MTU makes the step, beside one that is larger."""
    missing = Unknown(missing="ip -d link of both ends of the segment (their MTUs)")
    if step is None:
        return missing
    mine = [i for i in facts.interfaces if i.mtu_bytes is not None and site.node in (None, i.node)]
    small = [
        i for i in mine if i.mtu_bytes is not None and step.passes - TAG_BYTES <= i.mtu_bytes < step.lost
    ]
    large = [
        i for i in mine if i.mtu_bytes is not None and i.mtu_bytes >= int(np.max(column(site.lost, "ip_len")))
    ]
    ends = {site.upstream.interface, site.downstream.interface}
    if not small and ends <= {i.name for i in mine}:
        least, most = step.passes - TAG_BYTES, step.lost - 1
        text = f"no interface of {facts.host(site.node)} has an MTU between {least} and {most}"
        return Contradicted(reason=Reason(text=text, source=mine[0].source))
    if not small or not large:
        return missing
    text = f"{small[0].name} has an MTU of {small[0].mtu_bytes}, {large[0].name} one of {large[0].mtu_bytes}"
    return Observed(reason=Reason(text=text, source=small[0].source))


def _tunnel_mtu(site: LossSite, facts: Facts, step: SizeStep | None) -> Fact | None:
    """That a tunnel begins at the hop, and what it leaves of the MTU below lies inside the step; None: no tunnel."""
    if step is None:
        return None
    below = [facts.tracks.of(number, site.hop.downstream) for number in sorted(site.conversations)]
    added = [int((t.of("frame_len") - t.of("ip_len")).min()) for t in below if (t.of("tunnel") > 0).any()]
    if not added or (column(site.delivered, "tunnel") > 0).any():
        return None
    headers = min(added) - ETHERNET_BYTES
    for i in facts.interfaces:
        if (i.node, i.name) != (site.node, site.downstream.interface) or i.mtu_bytes is None:
            continue
        if step.passes <= i.mtu_bytes - headers < step.lost:
            text = (
                f"a tunnel begins there whose headers take {headers} bytes: of the MTU of {i.mtu_bytes} of {i.name} "
                f"they leave {i.mtu_bytes - headers}, and packets of {step.lost} bytes are sent into it"
            )
            return Observed(reason=Reason(text=text, source=i.source))
    return None


def _remedies(host: str) -> tuple[Remedy, ...]:
    return (
        Remedy(
            title="Give every interface of the segment the same MTU",
            where=host,
            commands=("ip link set dev SMALLER_INTERFACE mtu LARGER_MTU",),
            price="none; or the larger ones down to the smaller, where what lies behind cannot carry more",
            risk="low",
            check="ping -M do with the full size passes",
            undo=("ip link set dev SMALLER_INTERFACE mtu FORMER_VALUE",),
        ),
    )


_TUNNEL_REMEDIES: Final = (
    Remedy(
        title="Raise the MTU of the network below the tunnel by the tunnel's headers",
        where="every host and switch between the tunnel's ends, the switches first",
        commands=("ip link set dev UNDERLAY_INTERFACE mtu LARGER_MTU",),
        price="a moment without link on some cards; the network's switches must carry the size, too",
        risk="medium: what is left out drops larger packets in its turn",
        check="ping -M do -s SIZE between the tunnel's ends, and the request again",
        undo=("ip link set dev UNDERLAY_INTERFACE mtu FORMER_VALUE",),
    ),
    Remedy(
        title="Lower the MTU of the network in the tunnel to what fits",
        where="the tenant network, and through DHCP its virtual machines",
        commands=("openstack network set --mtu 1442 NETWORK",),
        price="virtual machines take it over with their next lease or restart",
        risk="low",
        check="ip link in the virtual machine shows it, and the request ends",
        undo=("openstack network set --mtu FORMER_VALUE NETWORK",),
    ),
)
_NEXT: Final = (
    Step(
        text="Compare the MTUs along the segment, and find the size that passes.",
        commands=("ip -d link", "ping -M do -s 1472 OTHER_END"),
    ),
)
