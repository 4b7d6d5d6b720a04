"""Sequence numbers of a listing: relative and absolute ones told apart, and those no line prints.

tshark counts from each side's first number, tcpdump prints some packets with numbers of the wire and others relative
to them (print-tcp.c). Everything is counted from a base of its own here; two listings of one connection get the same
base even where neither prints it.
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from lastseen.evidence.listings.talks import Member, Talk, is_syn
from lastseen.tables.packets import FLAGS

__all__ = ["are_absolute", "rebase", "set_numbers"]

_HALF: Final = 0x80000000
_NEVER: Final = 1 << 40
_SMALL: Final = 1 << 20
"""Two numbers below it at once are relative: of 2^24 connections one has such initial numbers."""
LOOK_AHEAD: Final = 8
"""Lines in which the answer to a hole is sought: the first duplicate acknowledgment comes with the next packet."""


def are_absolute(talks: Iterable[Talk]) -> bool:
    """Whether a listing prints absolute numbers behind the handshake (tcpdump -S; tshark's preference switched off)."""
    absolute = relative = 0
    for talk in talks:
        base: list[int | None] = [None, None]
        for member in talk.members:
            if member.side is None:
                continue
            for side, number in ((member.side, member.packet.seq), (1 - member.side, member.packet.ack)):
                start = base[side]
                if number is None:
                    continue
                if start is None or is_syn(member.packet):
                    base[side] = number
                else:
                    far = abs(_signed(number - start))
                    absolute += start > 1 and far < number
                    relative += far > number
    return absolute > relative


def _signed(difference: int) -> int:
    """The distance of two sequence numbers, whichever comes first (RFC 9293, 3.4)."""
    return (difference + _HALF) % (2 * _HALF) - _HALF


def rebase(talk: Talk, file: str, *, is_absolute: bool, is_tcpdump: bool) -> None:
    """Count every number from its side's base: the initial number, or a made-up one where none is printed.

    tcpdump prints absolute numbers where no ACK flag is set, in SYNs and in the first packet that has one, all
    others relative to these; tshark prints all relative.
    """
    bases, known, acked = _made_up(talk, file), [False, False], False
    for member in talk.members:
        packet, side = member.packet, member.side
        if side is None:
            continue
        has_ack = packet.ack is not None
        is_whole = is_absolute or (is_tcpdump and (not has_ack or not acked or is_syn(packet)))
        acked |= has_ack
        if not is_whole or (not any(known) and max(packet.seq or 0, packet.ack or 0) < _SMALL):
            continue
        if packet.seq is not None:
            if not known[side]:
                bases[side], known[side] = packet.seq, True
            packet.seq = _signed(packet.seq - bases[side])
        if packet.ack is not None:
            if not known[1 - side]:
                bases[1 - side], known[1 - side] = packet.ack - 1, True
            packet.ack = _signed(packet.ack - bases[1 - side])
    talk.base, talk.is_absolute = bases, any(known)


def _made_up(talk: Talk, file: str) -> list[int]:
    """A base for each side: the same in every listing that shows this connection's SYN, whatever NAT did to it.

    The SYN's timestamp value tells it, or else its addresses and ports. Without a SYN relative numbers are
    counted from wherever this listing began, and agree with no other.
    """
    syn = next((member for member in talk.members if is_syn(member.packet)), None)
    keys: list[tuple[object, ...]]
    if syn is None:
        keys = [(file, *talk.ends), (file, *talk.ends[2:], *talk.ends[:2])]
    elif syn.packet.timestamps and not (syn.packet.flags or 0) & FLAGS["A"]:
        keys = [(syn.packet.timestamps[0], side ^ (syn.side or 0)) for side in (0, 1)]
    else:
        keys = [talk.ends, talk.ends[2:] + talk.ends[:2]]
    return [zlib.crc32(repr(key).encode("utf-8", "replace")) for key in keys]


def set_numbers(talk: Talk) -> None:
    """Numbers of lines that print none: where their sender had come to, past a hole where tshark says so."""
    expected: list[int | None] = [None, None]
    for index, member in enumerate(talk.members):
        packet, side = member.packet, member.side or 0
        member.flags = packet.flags if packet.flags is not None else FLAGS["A"]
        own = expected[side]
        member.seq = packet.seq if packet.seq is not None else _inferred(talk.members, index, own or 0)
        if not member.flags & FLAGS["R"]:
            end = member.seq + _used(member)
            expected[side] = end if own is None else max(own, end)
        if packet.ack and expected[1 - side] is None:
            expected[1 - side] = packet.ack
    _set_acks(talk.members)
    _unseen_fins(talk)


def _set_acks(members: Sequence[Member]) -> None:
    """Acknowledgments of lines that print none: the data seen so far that is not sent again later, and no FIN.

    More would claim that something arrived, less that data stayed unacknowledged.
    """
    again, limit = [_NEVER, _NEVER], list[int]()
    for member in reversed(members):
        side = member.side or 0
        limit.append(again[1 - side])
        if member.length and not member.flags & FLAGS["R"]:
            again[side] = min(again[side], member.seq)
    sent, acked = [0, 0], [0, 0]
    for member, most in zip(members, reversed(limit), strict=True):
        side, packet = member.side or 0, member.packet
        seen = packet.ack if packet.ack is not None else min(sent[1 - side], most)
        acked[side] = member.ack = max(acked[side], seen) if packet.ack is None else seen
        if not member.flags & FLAGS["R"]:
            sent[side] = max(sent[side], member.seq + member.length + bool(member.flags & FLAGS["S"]))


def _used(member: Member) -> int:
    """Sequence numbers a packet takes."""
    return member.length + (1 if member.flags & (FLAGS["S"] | FLAGS["F"]) else 0)


def _inferred(members: Sequence[Member], index: int, expected: int) -> int:
    member = members[index]
    tags = " ".join(member.packet.tags)
    if "Retransmission" in tags:
        return max(expected - member.length, 0)
    if "not captured" in tags or "segment lost" in tags:
        return next((seq for seq in _past_the_hole(members, index) if seq > expected), expected)
    return expected


def _past_the_hole(members: Sequence[Member], index: int) -> Iterator[int]:
    """Where the packet behind a hole may begin: at a SACK block of its size, or behind what fills the hole later."""
    member = members[index]
    for other in members[index + 1 : index + 1 + LOOK_AHEAD]:
        if other.side != member.side:
            yield from (low for low, high in other.packet.sacks if high - low == member.length)
        elif "Out-Of-Order" in " ".join(other.packet.tags) and other.packet.seq is not None:
            yield other.packet.seq + other.length


def _unseen_fins(talk: Talk) -> None:
    """A FIN on a packet whose flags are not printed: the other side acknowledges one number more than was sent."""
    reached: list[tuple[int, Member] | None] = [None, None]
    for member in talk.members:
        side = member.side or 0
        last, mine, end = reached[1 - side], reached[side], member.seq + _used(member)
        if last is not None and last[1].packet.flags is None and member.packet.ack == last[0] + 1:
            last[1].flags |= FLAGS["F"]
            reached[1 - side] = last[0] + 1, last[1]
        if mine is None or end >= mine[0]:
            reached[side] = end, member
