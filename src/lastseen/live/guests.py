"""The network cards of a host's running virtual machines, as libvirt knows them.

`virsh -r` (read only) is asked, so that a host on the far side of ssh answers as this one does: `list --name` of virsh
0.10 and newer, `dumpxml` of each. A machine goes by its name, its uuid (which is also Nova's id of the server) or the
title Nova gave it. All of these are a guest's owner's words: they are compared, never part of a command but
`--domain=NAME`, one argument.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from lastseen.errors import LastseenError
from lastseen.evidence.texts import virsh_dumpxml
from lastseen.evidence.texts.text import Text
from lastseen.hosts.asking import ask
from lastseen.hosts.host import Said
from lastseen.hosts.probing import HostFacts
from lastseen.tables.facts_from_texts import GuestPort

__all__ = ["NAMES_OF_GUESTS", "cards_of", "guest_cards", "hidden_cards"]

NAMES_OF_GUESTS: Final = ("virsh", "-r", "list", "--name")
PASSING_BY: Final = {
    "hostdev": "is a passed-through device (SR-IOV): its packets pass by the host",
    "vhostuser": "is a vhost-user socket: its packets pass by the host's kernel",
}
"""Kinds of a card no capture on the host can see (libvirt, formatdomain, Network interfaces)."""


def guest_cards(facts: HostFacts, listed: Said | None) -> tuple[GuestPort, ...]:
    """Every card of every machine that `listed`, the answer to NAMES_OF_GUESTS, names; () where there is no answer."""
    if listed is None or not listed.ok:
        return ()
    names = [line.strip() for line in listed.text.splitlines() if line.strip()]
    answers = ask(facts.host, {name: ("virsh", "-r", "dumpxml", f"--domain={name}") for name in names})
    return tuple(card for said in answers.values() if said.ok for card in _cards(said.text))


def _cards(xml: str) -> Iterator[GuestPort]:
    text = Text(file="virsh dumpxml", numbered=enumerate(xml.splitlines(), start=1))
    return (row for row in virsh_dumpxml.read(text) if isinstance(row, GuestPort))


def cards_of(cards: Sequence[GuestPort], machine: str) -> list[GuestPort]:
    """The cards of the machine called so; [] where none is. Raises LastseenError where several are."""
    fitting = [card for card in cards if machine in (card.machine, card.machine_id, card.title)]
    names = dict.fromkeys(card.machine for card in fitting)
    if len(names) > 1:
        raise LastseenError(
            f"{machine}: {len(names)} domains are called so here; give one of {', '.join(map(repr, names))}"
        )
    return fitting


def hidden_cards(cards: Sequence[GuestPort]) -> Iterator[str]:
    """What is to be said of cards whose packets no capture on the host shows."""
    for card in cards:
        if card.kind in PASSING_BY:
            yield f"card {card.mac} of domain {card.machine!r} {PASSING_BY[card.kind]}"
