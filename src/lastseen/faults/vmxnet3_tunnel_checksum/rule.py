"""A virtual card of VMware says it computes checksums inside tunnels, and they are not right on the other host.

Since its driver offers offload for VXLAN and Geneve, Linux leaves the inner TCP or UDP checksum to vmxnet3. Depending
on the hypervisor's version and the tunnel's port the packet is then dropped between the two virtual cards or arrives
with the pseudo header's sum, which the pod refuses. ICMP, whose checksum the stack computes itself, passes. Reports:
projectcalico/calico 4727, 7040 and 9433, flannel-io/flannel 2152, cilium/cilium 21801, aws/eks-anywhere-build-tooling
2840.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.patterns import without_loss
from lastseen.faults.tracks import Track
from lastseen.faults.weighing import (
    Account,
    Contradicted,
    Fact,
    Observed,
    Unknown,
    first_observed,
    holds,
    observed_reasons,
    weigh,
)
from lastseen.faults.wrong_checksums import Refused, agreeing, refused
from lastseen.tables.counted import agreed, all_of, counted
from lastseen.tables.details import CHECKSUM_PARTIAL, DetailRows, column
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step
from lastseen.tables.points import DELIVERED, Point

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "vmxnet3_tunnel_checksum"
TITLE: Final = "a vmxnet3 card leaves checksums inside a tunnel undone"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "tx_checksum_broken": "the same undone checksum by any other card, without a tunnel",
    "checksum_partial_leak": "there a program passes the packet on before its checksum is due",
}
DRIVER: Final = "vmxnet3"
OFFLOADS: Final = ("tx-udp_tnl-segmentation", "tx-udp_tnl-csum-segmentation", "tx-checksum-ip-generic")
"""Features by which such a card takes over checksums of what a tunnel carries (`ethtool -k`)."""

Bools = npt.NDArray[np.bool_]


def judge(facts: Facts) -> Judgement:
    """Supported where just tunnelled packets with an undone inner checksum are lost or refused, and the card is one."""
    accounts = [_at_hop(site, facts) for site in facts.losses() if _undone(site.lost).any()]
    accounts += [_at_host(one, facts) for one in refused(facts, CHECKSUM_PARTIAL)]
    otherwise = without_loss(SLUG, facts, missing="whole packets of the tunnel at both hosts")
    return weigh(SLUG, accounts, otherwise=otherwise)


def _undone(rows: DetailRows) -> Bools:
    """bool[n]: tunnelled packets whose inner checksum holds the pseudo header's sum only."""
    result: Bools = (column(rows, "tunnel") > 0) & (column(rows, "checksum") == CHECKSUM_PARTIAL)
    return result


def _at_hop(site: LossSite, facts: Facts) -> Account:
    """They vanish between the two virtual cards. No other layer can agree: a sender's undone checksum is normal."""
    undone, source = _undone(site.lost), site.source(int(site.lost_rows[0]))
    passed = int(_undone(site.delivered).sum())
    text = f"{all_of(len(undone), 'lost packet', 'are')} tunnelled and left the inner checksum to the card"
    if not undone.all() or passed:
        text = (
            f"{counted(int((~undone).sum()), 'lost packet')} had a checksum or no tunnel, and {passed} "
            "without one passed"
        )
    return Account(
        required=(
            holds(undone.all() and not passed, Reason(text=text, source=source)),
            _between_hosts(site),
            _card(site.upstream, facts),
            _others_pass(site, facts),
        ),
        context=observed_reasons((_offloads(site.upstream, facts),)),
        summary=f"{counted(len(site.lost_rows), 'tunnelled packet', 'vanish')} between the virtual cards at "
        f"{site.upstream.name} and "
        f"{site.downstream.name}: their inner checksum was left to the sending one",
        component=f"the hypervisor's {DRIVER} under {facts.host(site.upstream.node)}",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _between_hosts(site: LossSite) -> Fact:
    """That the hop lies between two hosts: on one host an undone checksum is still to be done."""
    if not (site.upstream.node and site.downstream.node):
        return Unknown(missing="which hosts the two captures of the tunnel are from (ip addr of both)")
    text = f"the hop lies between {site.upstream.node} and {site.downstream.node}"
    return holds(site.upstream.node != site.downstream.node, Reason(text=text))


def _others_pass(site: LossSite, facts: Facts) -> Fact:
    """That the tunnel itself works in that direction: ICMP inside it passes the hop, or what needs no offload."""
    seen = facts.tracks.datagrams(site.hop.upstream)
    back = np.isin(seen.of("ip_dst"), column(site.lost, "ip_src"))
    inside = (seen.of("tunnel") > 0) & ~_undone(seen.details)
    passed = seen.only((seen.fate == DELIVERED) & inside & ~back)
    if len(passed):
        text = (
            f"{counted(len(passed), 'packet')} of the tunnel whose checksum the stack computed itself "
            f"{agreed(len(passed), 'pass')} the same hop"
        )
        return Observed(reason=Reason(text=text, source=passed.source()))
    return Unknown(missing="a ping through the tunnel meanwhile: whether it passes")


def _at_host(found: Refused, facts: Facts) -> Account:
    """They arrive in the tunnel as they left, and the receiver refuses them.

    Somebody has to say that it is for their checksums: between machines of one hypervisor these may stay undone.
    """
    way = _Way.of(found, facts)
    told = agreeing(facts, None)
    return Account(
        required=(
            Observed(reason=found.reason("a checksum that nobody filled in")),
            way.crossed(),
            way.card(facts),
            first_observed(told),
        ),
        agreeing=told,
        context=observed_reasons((_offloads(way.first.point, facts),) if way.first else ()),
        summary=f"{counted(len(found.packets), 'packet')} of {found.conversation.text} "
        f"{agreed(len(found.packets), 'come')} out of the tunnel without their inner "
        "checksum, and the receiver drops them",
        component=f"the hypervisor's {DRIVER}"
        + (f" under {facts.host(way.first.point.node)}" if way.first else ""),
        remedies=_REMEDIES,
        next=_NEXT,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Way:
    """Refused packets where they were in a tunnel with an undone checksum, nearest the sender and nearest the receiver.

    None: nowhere.
    """

    first: Track | None
    last: Track | None

    @staticmethod
    def of(found: Refused, facts: Facts) -> "_Way":
        client = bool(found.packets.from_client[0])
        seen_at = found.conversation.seen_at
        seen: list[Track] = []
        for number in seen_at[::-1] if client else seen_at:
            track = facts.tracks.of(found.conversation.number, number)
            mine = (track.from_client == client) & _undone(track.details)
            same = track.only(mine & np.isin(track.of("tcp_seq"), found.packets.of("tcp_seq")))
            if len(same):
                seen.append(same)
        return _Way(first=seen[0] if seen else None, last=seen[-1] if seen else None)

    def crossed(self) -> Fact:
        """That they were undone behind the sender's host as well, where a card should have done its part."""
        if self.first is None or self.last is None or self.first.point.node == self.last.point.node:
            return Unknown(
                missing="captures of the tunnel at both hosts, and whose they are (ip addr of both)"
            )
        text = (
            f"inside the tunnel their checksum is undone at {self.first.point.name}, where that is normal, and still "
            f"at {self.last.point.name}, behind the card"
        )
        return Observed(reason=Reason(text=text, source=self.last.source()))

    def card(self, facts: Facts) -> Fact:
        """That the sender's card is one."""
        if self.first is None:
            return Unknown(missing="ethtool -i of the sending host's card")
        return _card(self.first.point, facts)


def _card(point: Point, facts: Facts) -> Fact:
    """That the device of a point is such a card."""
    mine = [i for i in facts.interfaces if i.node == point.node and i.name in (point.interface, "")]
    known = [i for i in mine if i.kind]
    cards = [i for i in known if i.kind == DRIVER]
    if cards:
        return Observed(reason=Reason(text=f"the card of {point.name} is a {DRIVER}", source=cards[0].source))
    if known:
        text = f"the card of {point.name} is a {known[0].kind}"
        return Contradicted(reason=Reason(text=text, source=known[0].source))
    return Unknown(missing=f"ethtool -i of {point.name}")


def _offloads(point: Point, facts: Facts) -> Fact:
    """That the card offers to do checksums of what a tunnel carries."""
    scope = f"offload:{point.interface}"
    for setting in facts.settings:
        mine = setting.node == point.node and setting.scope == scope and setting.name in OFFLOADS
        if mine and setting.value == "on":
            text = f"{setting.name} is on at {point.interface}"
            return Observed(reason=Reason(text=text, source=setting.source))
    return Unknown(missing=f"ethtool -k of {point.name}")


_REMEDIES: Final = (
    Remedy(
        title="Let the host compute the checksums inside the tunnel",
        where="every host of the tunnel, whenever the device is made anew (systemd .link, udev)",
        commands=("ethtool -K flannel.1 tx-checksum-ip-generic off",),
        price="CPU",
        risk="low",
        check="TCP between pods of two hosts opens at once",
        undo=("ethtool -K flannel.1 tx-checksum-ip-generic on",),
    ),
    Remedy(
        title="Switch the card's offload for tunnels off",
        where="every host of the tunnel",
        commands=("ethtool -K eth0 tx-udp_tnl-segmentation off tx-udp_tnl-csum-segmentation off",),
        price="CPU",
        risk="low",
        check="TCP between pods of two hosts opens at once",
        undo=("ethtool -K eth0 tx-udp_tnl-segmentation on tx-udp_tnl-csum-segmentation on",),
    ),
    Remedy(
        title="Avoid what the hypervisor does with that tunnel",
        where="the cluster's network: another UDP port (4789 or 8472), routes instead of a tunnel, or e1000e cards",
        commands=(),
        price="a change of the whole cluster",
        risk="medium: every host at once",
        check="TCP between pods of two hosts opens at once",
        undo=("the former setting",),
    ),
)
_NEXT: Final = (
    Step(
        text="Switch the tunnel device's checksum offload off on the sending host for one try.",
        commands=("ethtool -i eth0", "ethtool -K flannel.1 tx-checksum-ip-generic off"),
    ),
)
