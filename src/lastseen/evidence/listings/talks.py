"""The TCP connections of a listing: which packet is of which one, where lines print addresses only, or nothing."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lastseen.evidence.listings.printed import TCP, Printed
from lastseen.tables.packets import FLAGS

__all__ = ["Ends", "Member", "Talk", "is_syn", "talks_of"]

Ends = tuple[str, int, str, int]
"""Address and port of `a`, of `b`."""


@dataclass(slots=True, eq=False)
class Member:
    """A packet of a connection: who sent it (None: not known yet) and its numbers, counted from the side's base.

    `window`: as sent, unscaled; where none is printed the last one of this side. `length_known`: False where neither
    the line nor the frame's length tells it.
    """

    packet: Printed
    side: int | None
    seq: int = 0
    ack: int = 0
    length: int = 0
    flags: int = 0
    window: int = 0
    length_known: bool = True


@dataclass(slots=True, eq=False)
class Talk:
    """One TCP connection. `a` sent the first line that names both ends; sides are 0 for `a`, 1 for `b`.

    `base`: what each side's numbers are counted from; `is_absolute`: these are numbers of the wire, else made up.
    `closed`: which sides have sent a FIN or, either of them, a RST.
    """

    ends: Ends
    members: list[Member] = field(default_factory=list)
    base: list[int] = field(default_factory=lambda: [0, 0])
    is_absolute: bool = False
    closed: set[int] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class _Open:
    """Connections between two addresses, the one of the last packet last; `ended`: those both sides have closed."""

    talks: dict[Talk, None] = field(default_factory=dict)
    ended: set[Talk] = field(default_factory=set)

    def came(self, talk: Talk) -> None:
        """A packet of this one: those that ended before it are not open any more."""
        if next(reversed(self.talks), None) is talk:
            return
        for one in (*self.ended, talk):
            self.talks.pop(one, None)
        self.ended.clear()
        self.talks[talk] = None


def is_syn(packet: Printed) -> bool:
    """Whether the SYN flag is printed."""
    return bool((packet.flags or 0) & FLAGS["S"])


def talks_of(packets: Sequence[Printed]) -> tuple[list[Talk], dict[int, tuple[Talk, Member]]]:
    """The connections, and each packet's place in them by its index.

    Packets of no TCP are in none, nor are those that name no ports and may be of several connections.
    """
    by_ends, by_address = dict[Ends, Talk](), defaultdict[frozenset[str], _Open](_Open)
    place = dict[int, tuple[Talk, Member]]()
    for index, packet in _of_tcp(packets):
        between = by_address[frozenset((packet.src, packet.dst))]
        if packet.sport or packet.dport:
            talk = _named(packet, by_ends)
            between.came(talk)
            side: int | None = 0 if talk.ends[:2] == (packet.src, packet.sport) else 1
        else:
            if len(between.talks) != 1:
                continue
            (talk,) = between.talks
            side = None if packet.src == packet.dst else int(packet.src != talk.ends[0])
        member = Member(packet=packet, side=side)
        talk.members.append(member)
        place[index] = talk, member
        _close(talk, member)
        if len(talk.closed) == len((0, 1)):
            between.ended.add(talk)
    return list({id(talk): talk for talk, _ in place.values()}.values()), place


def _of_tcp(packets: Sequence[Printed]) -> Iterator[tuple[int, Printed]]:
    return ((i, packet) for i, packet in enumerate(packets) if packet.proto == TCP and not packet.fragment)


def _named(packet: Printed, by_ends: dict[Ends, Talk]) -> Talk:
    """The connection of a packet's ports; a SYN after the end of one begins another."""
    ends = (packet.src, packet.sport, packet.dst, packet.dport)
    talk = by_ends.get(ends) or by_ends.get((packet.dst, packet.dport, packet.src, packet.sport))
    if talk is None or (is_syn(packet) and talk.closed):
        talk = Talk(ends)
        by_ends.pop((packet.dst, packet.dport, packet.src, packet.sport), None)
        by_ends[ends] = talk
    return talk


def _close(talk: Talk, member: Member) -> None:
    flags = member.packet.flags or 0
    if flags & FLAGS["R"]:
        talk.closed |= {0, 1}
    elif flags & FLAGS["F"] and member.side is not None:
        talk.closed.add(member.side)
