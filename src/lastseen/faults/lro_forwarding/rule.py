"""A card merges received segments into one in a way that cannot be undone, and the host is to forward them.

Large receive offload is meant for packets that end at the host. The kernel switches it off where it forwards or
bridges (dev_disable_lro, since 2.6.27), and discards what comes merged all the same: "received packets cannot be
forwarded while LRO is enabled" (include/linux/skbuff.h, skb_warn_if_lro; net/ipv4/ip_forward.c). Open vSwitch, tunnels
and drivers in user space have their own paths. Generic receive offload (GRO) is no such thing: what it merges is cut
again on the way out.
"""

from typing import Final

import numpy as np

from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.patterns import exactly_these, is_tcp, without_loss
from lastseen.faults.refusals import owners
from lastseen.faults.weighing import Account, Contradicted, Fact, Observed, Unknown, first_known, holds, weigh
from lastseen.tables.counted import counted
from lastseen.tables.details import column
from lastseen.tables.endpoints import ends_of
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "lro_forwarding"
TITLE: Final = "a card merges received packets for good (LRO), and the host cannot forward them"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "path_mtu_blackhole": "there the sender itself sent packets of that size",
    "l2_mtu_mismatch": "there the sender itself sent packets of that size",
}
FEATURE: Final = "large-receive-offload"


def judge(facts: Facts) -> Judgement:
    """Supported where exactly what is larger than any segment is lost behind an interface with LRO."""
    otherwise = without_loss(SLUG, facts, missing="captures where the forwarding host receives and sends")
    return weigh(SLUG, (_account(site, facts) for site in facts.losses()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    offload, logged = _offload(site, facts), _logged(site, facts)
    host, device = facts.host(site.node), site.upstream.interface or site.upstream.name
    return Account(
        required=(_only_merged(site, facts), _received(site, facts), first_known([logged, offload])),
        agreeing=(logged, offload),
        refuting=(Observed(reason=offload.reason),) if isinstance(offload, Contradicted) else (),
        telling=isinstance(logged, Observed),
        summary=f"{counted(len(site.lost_rows), 'packet')} that {device} merged from several cannot be "
        f"forwarded by {host} and "
        "are lost",
        component=f"large receive offload of {device} on {host}",
        hop=site.number,
        remedies=_remedies(device, host),
        next=_NEXT,
    )


def _only_merged(site: LossSite, facts: Facts) -> Fact:
    """Every lost packet has more payload than its receiver takes in one segment, and no delivered one has."""
    limit = _segment_limit(site, facts)
    if limit is None:
        return Unknown(missing="the receiver's SYN, whose MSS tells how large a segment can be")
    lost, passed = (
        is_tcp(rows) & (column(rows, "payload_len") > limit) for rows in (site.lost, site.delivered)
    )
    return exactly_these(site, lost, passed, f"packets of more than the receiver's MSS of {limit} bytes")


def _segment_limit(site: LossSite, facts: Facts) -> int | None:
    """The largest MSS that receivers of the lost packets announced; None where one of them was not seen."""
    limits = []
    for number in site.conversations:
        track = facts.tracks.of(number, site.hop.upstream)
        offered = track.of("tcp_mss")[track.flags("S") & (track.from_client == site.to_client)]
        limits.append(int(offered.max(initial=0)))
    return max(limits) if limits and all(limits) else None


def _received(site: LossSite, facts: Facts) -> Fact:
    """That these packets came in there: in a sender's own capture such sizes are its segmentation offload."""
    before = [
        hop
        for hop in facts.matching.hops
        if (hop.downstream, hop.direction) == (site.hop.upstream, site.hop.direction)
        and np.isin(hop.partner[hop.fate > 0], site.delivered_rows).any()
    ]
    source = site.source(int(site.lost_rows[0]))
    if before:
        name = facts.matching.points[before[0].upstream].name
        return Observed(
            reason=Reason(text=f"others of them passed {name} before {site.upstream.name}", source=source)
        )
    senders = {sender.address for sender, _ in ends_of(site.upstream.capture, site.lost_rows)}
    if not any(i.node == site.upstream.node and i.addresses for i in facts.interfaces):
        return Unknown(missing="a capture on the wire before that interface, or ip addr of its host")
    own = [address for address in sorted(senders) if site.upstream.node in owners(facts, address)]
    text = (
        f"{', '.join(sorted(senders))} is {'an' if own else 'no'} address of {facts.host(site.upstream.node)}"
    )
    return holds(not own, Reason(text=text, source=source))


def _offload(site: LossSite, facts: Facts) -> Fact:
    """Whether LRO is on where they were received; what GRO does is no matter."""
    for setting in reversed(facts.settings):
        here = (setting.node, setting.scope) == (site.upstream.node, f"offload:{site.upstream.interface}")
        if here and setting.name == FEATURE:
            text = f"{FEATURE} of {site.upstream.interface} is {setting.value}"
            return holds(setting.value == "on", Reason(text=text, source=setting.source))
    return Unknown(missing="ethtool -k of the interface that receives (large-receive-offload)")


def _logged(site: LossSite, facts: Facts) -> Fact:
    """That the kernel says it of that interface."""
    for joined in facts.lines("lro_forwarding", site.upstream.node):
        if joined.line.reason.startswith(f"{site.upstream.interface}:"):
            text = f'the kernel says "{joined.line.reason}"'
            return Observed(reason=Reason(text=text, source=joined.line.source))
    return Unknown(missing="the kernel log (received packets cannot be forwarded while LRO is enabled)")


def _remedies(device: str, host: str) -> tuple[Remedy, ...]:
    return (
        Remedy(
            title="Switch LRO off, and leave GRO on",
            where=host,
            commands=(f"ethtool -K {device} lro off",),
            price="some CPU",
            risk="none",
            check=f"{device} receives no packet larger than the MSS, or those are forwarded",
            undo=(f"ethtool -K {device} lro on",),
        ),
    )


_NEXT: Final = (
    Step(
        text="See what the card does, and whether the kernel complains.",
        commands=(
            "ethtool -k DEVICE | grep -E 'large-receive|generic-receive|rx-gro-hw'",
            "dmesg | grep LRO",
            "tcpdump -ni DEVICE 'greater 1600'",
        ),
    ),
)
