"""A bridge looks for a MAC address behind the wrong port: frames leave where their receiver is not.

Bridges learn from frames that come in and forget after their ageing time; a static or sticky entry, or a host that
moved without a word, leaves an entry that points elsewhere (Linux net/bridge/br_fdb.c). The frame itself is right.
"""

from typing import Final

import numpy as np

from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.patterns import without_loss
from lastseen.faults.weighing import Account, Contradicted, Fact, Observed, Unknown, weigh
from lastseen.tables.counted import counted
from lastseen.tables.details import column
from lastseen.tables.facts_from_texts import ForwardingEntry
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "stale_fdb"
TITLE: Final = "a bridge looks for the receiver behind the wrong port"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "wrong_mac": "there the frame carries an address that nobody there has",
    "duplicate_address": "there two hosts claim the address",
}


def judge(facts: Facts) -> Judgement:
    """Supported where the bridge's table sends the lost frames to another port than their receiver's."""
    otherwise = without_loss(SLUG, facts, missing="captures on the bridge's ports, and bridge fdb show")
    return weigh(SLUG, (_account(site, facts) for site in facts.losses()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    entry = _entry(site, facts)
    return Account(
        required=(entry, *_nothing_passed(site)),
        agreeing=() if site.node is None else (entry,),
        telling=isinstance(entry, Observed),
        summary=f"{counted(len(site.lost_rows), 'frame', 'go')} to another port of the bridge than "
        f"{site.downstream.name}, where their "
        "receiver is",
        component=f"the forwarding table of the bridge between {site.upstream.name} and {site.downstream.name}",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _entry(site: LossSite, facts: Facts) -> Fact:
    """The table's entry for the address the lost frames went to, of a bridge that the downstream point is a port of.

    On a host before that one an entry names the port that leads there.
    """
    went = {
        int(value).to_bytes(6, "big").hex(":")
        for value in np.unique(column(site.lost, "eth_dst"))
        if value >= 0
    }
    bridges = _bridges(site, facts)
    entries = [
        e
        for e in facts.forwarding
        if e.mac in went
        and e.node == site.downstream.node
        and (not e.master or (e.node, e.master) in bridges)
        and _is_of_host(e)
    ]
    ends = {site.downstream.interface, site.upstream.interface} - {""}
    if not entries or not site.downstream.interface:
        return Unknown(
            missing="bridge fdb show of the hop's host while frames are lost, and the names of its ports"
        )
    behind = {site.downstream.interface} | _captured_behind(site, facts)
    right = [e for e in entries if e.device in behind]
    if right:
        text = f"the bridge knows {right[0].mac} behind {right[0].device}, where it belongs"
        return Contradicted(reason=Reason(text=text, source=right[0].source))
    wrong = next((e for e in entries if e.device not in ends), entries[0])
    text = (
        f"the bridge looks for {wrong.mac} behind {wrong.device}{f' ({wrong.state})' if wrong.state else ''}"
    )
    return Observed(reason=Reason(text=text, source=wrong.source))


def _captured_behind(site: LossSite, facts: Facts) -> set[str]:
    """Interfaces of the downstream point's node that what passed was captured at as well: the way goes on by them.

    A bridge's port by which frames come in is captured before the port that leads to their receiver.
    """
    numbers = {number for c in facts.conversations if c.number in site.conversations for number in c.seen_at}
    points = [facts.matching.points[number] for number in numbers]
    return {p.interface for p in points if p.node == site.downstream.node and p.interface} - {
        site.upstream.interface
    }


def _bridges(site: LossSite, facts: Facts) -> set[tuple[str, str]]:
    """(node, bridge): those that have the downstream point's interface for a port; another one's port it cannot be."""
    name = site.downstream.interface
    ports = [(e.node, e.master) for e in facts.forwarding if e.device == name and e.master]
    return {*ports, *((i.node, i.master) for i in facts.interfaces if i.name == name and i.master)}


def _is_of_host(entry: ForwardingEntry) -> bool:
    """An address a bridge forwards to, not one of its own or a multicast group."""
    return entry.state != "permanent" and not int(entry.mac[:2], 16) & 1


def _nothing_passed(site: LossSite) -> tuple[Fact, ...]:
    went = np.unique(column(site.lost, "eth_dst"))
    passed = np.isin(column(site.delivered, "eth_dst"), went)
    if len(passed) and not passed.any():
        text = "what passed of these connections went to another MAC address: their sender changed it, not the bridge"
        return (Contradicted(reason=Reason(text=text, source=site.source(int(site.delivered_rows[0])))),)
    last_lost = int(column(site.lost, "frame_number").max())
    late = passed & (column(site.delivered, "frame_number") > last_lost)
    if (
        passed.any()
        and not late.any()
        and int(column(site.delivered[passed], "frame_number").max())
        > int(column(site.lost, "frame_number").min())
    ):
        text = "frames to the same address passed between the lost ones"
        return (Contradicted(reason=Reason(text=text, source=site.source(int(site.delivered_rows[0])))),)
    return ()


_REMEDIES: Final = (
    Remedy(
        title="Remove the entry, and let the bridge learn",
        where="the host of the bridge",
        commands=("bridge fdb del MAC_ADDRESS dev WRONG_PORT master",),
        price="none: frames are flooded until the address is learnt",
        risk="none",
        check="bridge fdb show names the right port",
        undo=("bridge fdb add MAC_ADDRESS dev WRONG_PORT master static",),
    ),
)
_NEXT: Final = (
    Step(
        text="See what the bridge believes.",
        commands=("bridge fdb show | grep MAC_ADDRESS", "ovs-appctl fdb/show br-int"),
    ),
)
