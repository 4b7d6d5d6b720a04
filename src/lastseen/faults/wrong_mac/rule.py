"""Frames are sent to a MAC address that is not the receiver's: its card or bridge takes them for somebody else's.

eth_type_trans() marks such a frame PACKET_OTHERHOST and ip_rcv_core() drops it (Linux net/ethernet/eth.c,
net/ipv4/ip_input.c); a capture in promiscuous mode still sees it. A stale neighbour entry, or a rule that rewrites
addresses, is behind it. What tells is the other direction: the same neighbour sends from another address.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.faults.facts import ConversationFacts, Facts, LossSite
from lastseen.faults.patterns import without_loss
from lastseen.faults.tracks import Track
from lastseen.faults.unanswered import traced
from lastseen.faults.weighing import Account, Contradicted, Fact, Observed, Unknown, weigh
from lastseen.tables.counted import agreed, all_of, counted
from lastseen.tables.details import column
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "wrong_mac"
TITLE: Final = "frames are addressed to a MAC address that is not the receiver's"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "duplicate_address": "there two hosts claim one address; here the address belongs to nobody who answers",
    "stale_fdb": "there the frame's address is right and the bridge sends it out of the wrong port",
}
_GROUP_BIT: Final = 1 << 40
"""Broadcast and multicast addresses (IEEE 802.3, 3.2.3)."""


def judge(facts: Facts) -> Judgement:
    """Supported where what vanished was sent to another MAC address than the neighbour it should reach has."""
    accounts = [_at_hop(site, facts) for site in facts.losses()]
    accounts += [a for c in facts.stalled() if (a := _at_host(c, facts)) is not None]
    return weigh(
        SLUG, accounts, otherwise=without_loss(SLUG, facts, missing="captures with Ethernet headers")
    )


def _mac(value: int) -> str:
    return value.to_bytes(6, "big").hex(":")


def _at_hop(site: LossSite, facts: Facts) -> Account:
    answers = _senders(facts, site)
    return Account(
        required=(
            _misaddressed(site, answers if len(answers) else _cards(facts, site)),
            *_one_next_hop(site, traced(facts, "OTHERHOST")),
        ),
        refuting=_right_entries(facts, site),
        agreeing=(traced(facts, "OTHERHOST"), _neighbour_entry(facts, site, answers)),
        summary=f"{counted(len(site.lost_rows), 'packet', 'leave')} {site.upstream.name} for a MAC address "
        "that nobody there has",
        component="the neighbour (ARP) entry of the sender, or whatever rewrites its frames",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _misaddressed(site: LossSite, own: npt.NDArray[np.int64]) -> Fact:
    """Every lost packet went to a MAC address that is none of the receiver's own, every delivered one did not."""
    to = column(site.lost, "eth_dst")
    if (to < 0).any() or (to & _GROUP_BIT).any():
        return Unknown(missing="a capture with Ethernet headers where the packets were last seen")
    if not len(own):
        return Unknown(missing="a packet of the other direction, which shows the neighbour's own MAC address")
    source = site.source(int(site.lost_rows[0]))
    if np.isin(to, own).any():
        text = "lost packets went to the MAC address from which answers come"
        return Contradicted(reason=Reason(text=text, source=source))
    if len(site.delivered) and not np.isin(column(site.delivered, "eth_dst"), own).all():
        text = "packets to other MAC addresses passed as well"
        return Contradicted(reason=Reason(text=text, source=site.source(int(site.delivered_rows[0]))))
    text = (
        f"{all_of(len(to), 'lost packet')} went to {_mac(int(to[0]))}, the neighbour sends from "
        f"{_mac(int(own[0]))}"
    )
    return Observed(reason=Reason(text=text, source=source))


def _one_next_hop(site: LossSite, dropped: Fact) -> tuple[Fact, ...]:
    """Where lost and delivered packets went to two addresses by turns, there may be two next hops, one of them dead."""
    before, behind = int(site.lost_rows.min()), int(site.lost_rows.max())
    by_turns = bool(((site.delivered_rows > before) & (site.delivered_rows < behind)).any())
    if not by_turns or isinstance(dropped, Observed):
        return ()
    return (Unknown(missing="whose card the address is: it may be a second next hop's (ip route, ip neigh)"),)


def _right_entries(facts: Facts, site: LossSite) -> tuple[Fact, ...]:
    """Neighbour entries with the address the frames went to, which is the card of a host that has the IP address."""
    went = {_mac(int(value)) for value in column(site.lost, "eth_dst") if value >= 0}
    owned = {(i.mac.lower(), a.partition("/")[0]) for i in facts.interfaces for a in i.addresses}
    right = [n for n in facts.neighbours if n.mac in went and (n.mac, n.address) in owned]
    if not went or {n.mac for n in right} != went:
        return ()
    text = (
        f"the frames went to {right[0].mac}, the card of the host that has {right[0].address}, their next hop"
    )
    return (Observed(reason=Reason(text=text, source=right[0].source)),)


def _senders(facts: Facts, site: LossSite) -> npt.NDArray[np.int64]:
    """MAC addresses the other direction of these connections comes from at the last point that saw them."""
    at = facts.matching.points.index(site.upstream)
    found: list[int] = []
    for conversation in facts.in_focus():
        if conversation.number in site.conversations and at in conversation.seen_at:
            track = facts.tracks.of(conversation.number, at)
            back = track.of("eth_src")[track.from_client == site.to_client]
            found += back[back >= 0].tolist()
    return np.unique(np.array(found, np.int64))


def _cards(facts: Facts, site: LossSite) -> npt.NDArray[np.int64]:
    """The MAC addresses of the host at whose interface they were last seen, the receiver, where it routes.

    A port of a bridge or switch takes frames for others, too: only an interface with an IP address of its own counts,
    and of no frame inside a tunnel, which is for whoever is behind the tunnel's end. The loopback's address is none.
    """
    here = [i for i in facts.interfaces if i.node == site.node and i.mac.strip("0:")]
    tunnelled = bool(column(site.lost, "tunnel").any())
    routes = any(i.name == site.upstream.interface and i.addresses and not i.master for i in here)
    return np.array([int(i.mac.replace(":", ""), 16) for i in here if routes and not tunnelled], np.int64)


def _at_host(conversation: ConversationFacts, facts: Facts) -> Account | None:
    """Everything arrived at the last point, and one MAC address there belongs to nobody who ever sends."""
    if conversation.lost_packets:
        return None
    track = facts.near_remote(conversation)
    for client in (True, False):
        sent = track.only((track.from_client == client) & (track.of("eth_dst") >= 0))
        answers = track.only((track.from_client != client) & (track.of("eth_src") >= 0))
        own = np.unique(answers.of("eth_src"))
        astray = sent.only(~np.isin(sent.of("eth_dst"), own) & ((sent.of("eth_dst") & _GROUP_BIT) == 0))
        if len(own) and len(astray) and len(astray) < len(sent):
            return _account_at(conversation, astray, int(own[0]), facts)
    return None


def _account_at(conversation: ConversationFacts, astray: Track, own: int, facts: Facts) -> Account:
    went = _mac(int(astray.of("eth_dst")[0]))
    text = (
        f"{counted(len(astray), 'packet')} at {astray.point.name} went to {went}, the neighbour sends "
        f"from {_mac(own)}"
    )
    dropped = traced(facts, "OTHERHOST")
    return Account(
        required=(Observed(reason=Reason(text=text, source=astray.source())), dropped),
        agreeing=(dropped,),
        summary=f"{counted(len(astray), 'packet')} of {conversation.text} {agreed(len(astray), 'reach')} "
        f"{astray.point.name} under a MAC address that "
        "is not their receiver's",
        component="the neighbour (ARP) entry of the sender, or whatever rewrites its frames",
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _neighbour_entry(facts: Facts, site: LossSite, answers: npt.NDArray[np.int64]) -> Fact:
    """No interface in evidence has the address the frames went to, though its neighbour's is known otherwise."""
    went = {_mac(int(value)) for value in column(site.lost, "eth_dst") if value >= 0}
    macs = {i.mac.lower() for i in facts.interfaces if i.mac}
    if len(answers) and macs and not went & macs:
        source = next(i.source for i in facts.interfaces if i.mac)
        return Observed(
            reason=Reason(text=f"no interface in evidence has the address {min(went)}", source=source)
        )
    return Unknown(missing="ip -d link and ip neigh of both hosts")


_REMEDIES: Final = (
    Remedy(
        title="Let the sender learn the neighbour's address anew",
        where="the host that sends the frames",
        commands=("ip neigh del ADDRESS dev DEVICE",),
        price="none: it is asked for again with the next packet",
        risk="none",
        check="ip neigh shows the receiver's own address",
        undo=("ip neigh replace ADDRESS lladdr FORMER_MAC dev DEVICE",),
    ),
)
_NEXT: Final = (
    Step(
        text="Compare what the sender believes with what the receiver has.",
        commands=("ip neigh", "ip -d link", "tcpdump -nei DEVICE arp"),
    ),
)
