"""Two hosts own one IP address: frames go to whoever spoke last.

Each host answers ARP for the address; neighbours and switches believe the latest. Connections work, break and are
reset by the host that knows nothing of them (RFC 5227, 1 and 2.4). What tells is one address with two MAC addresses
at one point.
"""

from collections import defaultdict
from typing import Final

from lastseen.faults.counting import logged
from lastseen.faults.facts import Facts
from lastseen.faults.weighing import Account, Fact, Observed, Unknown, weigh
from lastseen.tables.judgements import Judgement, Reason, Refuted, Remedy, Step, Untestable
from lastseen.tables.points import source_of
from lastseen.tables.sources import Source

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "duplicate_address"
TITLE: Final = "two hosts own one address"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "wrong_mac": "there nobody ever sends from the address the frames go to",
    "stale_fdb": "there one host owns the address and a bridge looks for it behind the wrong port",
}


def judge(facts: Facts) -> Judgement:
    """Supported where two hosts claim one address by ARP and a connection with it suffered."""
    if not any(len(p.capture.packets) for p in facts.matching.points):
        return Untestable(fault=SLUG, missing=("a capture with ARP at the segment",))
    accounts = [_account(address, claims, facts) for address, claims in _claimed_twice(facts).items()]
    text = "no address was claimed by two MAC addresses"
    return weigh(SLUG, accounts, otherwise=Refuted(fault=SLUG, against=(Reason(text=text),)))


def _claimed_twice(facts: Facts) -> dict[int, dict[int, Source]]:
    """Addresses that several MAC addresses claim by ARP at one point, with where each did first."""
    found: dict[int, dict[int, Source]] = {}
    for number, point in enumerate(facts.matching.points):
        said = facts.tracks.datagrams(number)
        arp = said.only(said.of("arp_op") > 0)
        claims: dict[int, dict[int, Source]] = defaultdict(dict)
        rows = zip(
            arp.of("ip_src").tolist(), arp.of("arp_sender_mac").tolist(), arp.rows.tolist(), strict=True
        )
        for address, mac, row in rows:
            if address > 0:  # a probe (RFC 5227) asks with the address 0.0.0.0 and claims nothing
                claims[address].setdefault(mac, source_of(point, row))
        found |= {address: macs for address, macs in claims.items() if len(macs) > 1}
    return found


def _text(address: int) -> str:
    return ".".join(str(part) for part in address.to_bytes(4, "big"))


def _account(address: int, claims: dict[int, Source], facts: Facts) -> Account:
    name = _text(address)
    macs = [mac.to_bytes(6, "big").hex(":") for mac in claims]
    text = f"{name} is claimed by {' and '.join(macs)}"
    return Account(
        required=(
            Observed(reason=Reason(text=text, source=list(claims.values())[-1])),
            _suffered(name, facts),
        ),
        agreeing=(
            _neighbours(name, facts),
            logged(facts, "own_address_as_source", None, "a host saw its own address come in"),
        ),
        telling=True,
        summary=f"two hosts answer for {name} ({', '.join(macs)}), and connections with it break",
        component=f"the second owner of {name}",
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _suffered(name: str, facts: Facts) -> Fact:
    """A connection with that address stood still or was reset."""
    for conversation in facts.in_focus():
        if name in {address for address, _ in conversation.endpoints}:
            track = facts.near_client(conversation)
            resets = track.only(track.flags("R") & ~track.from_client)
            if conversation.stall:
                text = f"{conversation.text} stood still for {conversation.stall_ns / 1e9:.2f} s"
                return Observed(reason=Reason(text=text, source=conversation.stall_source))
            if len(resets):
                text = f"{conversation.text} was reset"
                return Observed(reason=Reason(text=text, source=resets.source()))
    return Unknown(missing=f"a connection with {name} that suffered")


def _neighbours(name: str, facts: Facts) -> Fact:
    """Neighbour tables that name different MAC addresses for it."""
    entries = {n.mac: n for n in facts.neighbours if n.address == name and n.mac}
    if len(entries) > 1:
        last = list(entries.values())[-1]
        text = f"neighbour tables name {' and '.join(entries)} for {name}"
        return Observed(reason=Reason(text=text, source=last.source))
    return Unknown(missing="ip neigh of several hosts, or before and after")


_REMEDIES: Final = (
    Remedy(
        title="Give one of the two another address",
        where="the host that should not have it; the switch tells behind which port its MAC address is",
        commands=("arping -D -I DEVICE ADDRESS", "bridge fdb show | grep MAC_ADDRESS"),
        price="work",
        risk="none",
        check="arping -D -I DEVICE ADDRESS hears nobody but the owner",
        undo=(),
    ),
)
_NEXT: Final = (
    Step(
        text="See who answers for the address.",
        commands=("arping -c 5 -I DEVICE ADDRESS", "ip neigh show ADDRESS", "tcpdump -nei DEVICE arp"),
    ),
)
