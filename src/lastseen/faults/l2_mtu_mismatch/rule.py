"""Two ends of one layer 2 segment have different MTUs: what is too large for the smaller one vanishes without a word.

A bridge or veth has no way to answer with ICMP; is_skb_forwardable() (Linux net/core/dev.c) is simply false and the
frame is freed. What tells it from the MTU of a path is that nothing between the two points is a router: the TTL is
the same on both sides.
"""

from typing import Final

import numpy as np

from lastseen.faults.counting import counter_agrees
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


def judge(facts: Facts) -> Judgement:
    """Supported where loss begins at a size between two points of one host with no router between them."""
    otherwise = without_loss(
        SLUG, facts, missing="captures on both ends of the segment (both veths, or bridge ports)"
    )
    return weigh(SLUG, (_account(site, facts) for site in facts.losses()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    step = size_step(site)
    host = facts.host(site.node)
    mtu = _smaller_mtu(site, facts, step)
    return Account(
        required=(_step(site, step), ttl_unchanged(site), mtu),
        agreeing=(
            mtu,
            counter_agrees(
                facts, site, "link", ("tx_dropped", "rx_dropped", "rx_errors"), what="a link's drop counter"
            ),
        ),
        telling=step is not None and step.lost > SMALLEST_MTU,
        summary=f"frames with more than {step.passes if step else '?'} bytes of IP vanish between "
        f"{site.upstream.name} and {site.downstream.name}, which are one layer 2 segment with two MTUs",
        component=f"the segment between {site.upstream.name} and {site.downstream.name} on {host}",
        hop=site.number,
        remedies=_remedies(host),
        next=_NEXT,
    )


def _step(site: LossSite, step: SizeStep | None) -> Fact:
    if step is None:
        return no_size_step(site)
    text = f"delivered packets have at most {step.passes} bytes of IP, lost ones at least {step.lost}"
    return holds(step.lost > SMALLEST_MTU, Reason(text=text, source=site.source(int(site.lost_rows[0]))))


def _smaller_mtu(site: LossSite, facts: Facts, step: SizeStep | None) -> Fact:
    """An interface of the hop's host whose MTU lies inside the step, beside one that is larger."""
    missing = Unknown(missing="ip -d link of both ends of the segment (their MTUs)")
    if step is None:
        return missing
    mine = [i for i in facts.interfaces if i.mtu_bytes is not None and site.node in (None, i.node)]
    small = [i for i in mine if i.mtu_bytes is not None and step.passes <= i.mtu_bytes < step.lost]
    large = [
        i for i in mine if i.mtu_bytes is not None and i.mtu_bytes >= int(np.max(column(site.lost, "ip_len")))
    ]
    ends = {site.upstream.interface, site.downstream.interface}
    if not small and ends <= {i.name for i in mine}:
        text = f"no interface of {facts.host(site.node)} has an MTU between {step.passes} and {step.lost - 1}"
        return Contradicted(reason=Reason(text=text, source=mine[0].source))
    if not small or not large:
        return missing
    text = f"{small[0].name} has an MTU of {small[0].mtu_bytes}, {large[0].name} one of {large[0].mtu_bytes}"
    return Observed(reason=Reason(text=text, source=small[0].source))


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


_NEXT: Final = (
    Step(
        text="Compare the MTUs along the segment, and find the size that passes.",
        commands=("ip -d link", "ping -M do -s 1472 OTHER_END"),
    ),
)
