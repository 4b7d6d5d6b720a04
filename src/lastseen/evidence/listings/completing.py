"""What a listing does not print of a packet and the lines around it tell: direction, payload, numbers.

tshark prints no ports, flags or sequence numbers of a packet with TLS or HTTP in it, and a copied listing may have
lost its addresses. All of it follows from TCP itself: payloads add up to the numbers the next lines print. What
does not follow stays unknown.
"""

from collections import Counter as Tally
from collections.abc import Iterable, Sequence
from itertools import product
from typing import Final

from lastseen.evidence.listings.printed import TCP, Printed
from lastseen.evidence.listings.sequence_numbers import are_absolute, rebase, set_numbers
from lastseen.evidence.listings.talks import Member, Talk, is_syn, talks_of
from lastseen.tables.packets import FLAGS

__all__ = ["ETHERNET_HEADER", "SMALLEST_FRAME", "TCP_HEADER", "completed", "ip_header"]

IPV4_HEADER, IPV6_HEADER, TCP_HEADER = 20, 40, 20
SMALLEST_FRAME: Final = 60
"""Bytes of an Ethernet frame without its checksum (IEEE 802.3): shorter packets are padded."""
ETHERNET_HEADER: Final = 14
TIMESTAMP_BYTES: Final = 12
"""A timestamp option with the two NOPs every system puts before it."""
MOST_OPEN: Final = 6
"""Packets without a direction between two lines that have one: more combinations would take too long."""
_IPV6: Final = 6
_OPEN_WINDOW: Final = 0xFFFF


def completed(
    packets: Sequence[Printed], file: str, tool: str
) -> tuple[dict[int, tuple[Talk, Member]], int | None]:
    """Each packet's place in the connections of a listing, by its index, and its link layer's bytes (`_link_bytes`).

    Packets that are surely of no connection are left out.
    """
    talks, place = talks_of(packets)
    link, whole = _link_bytes(packets), are_absolute(talks)
    for talk in talks:
        rebase(talk, file, is_absolute=whole, is_tcpdump=tool == "tcpdump")
        _set_lengths(talk, link)
        _set_sides(talk)
        set_numbers(talk)
        _set_windows(talk, is_scaled=tool == "tshark")
    return place, link


# ---- payload lengths ----
def ip_header(packet: Printed) -> int:
    """Bytes of the IP header, whose options no line prints: without any, as all but a few packets are."""
    return IPV6_HEADER if packet.version == _IPV6 else IPV4_HEADER


def _link_bytes(packets: Iterable[Printed]) -> int | None:
    """What stands before the innermost IP header in every frame of the listing, None: no line tells.

    Packets too long to be padded tell it; where there are none, short ones do, and the smallest frame is no measure.
    """
    long, short = Tally[int](), Tally[int]()
    least_unpadded = SMALLEST_FRAME - ETHERNET_HEADER
    for packet in packets:
        told = packet.frame_len, packet.length, packet.option_bytes
        if None in told or packet.proto != TCP:
            continue
        ip_len = ip_header(packet) + TCP_HEADER + (packet.option_bytes or 0) + (packet.length or 0)
        (long if ip_len >= least_unpadded else short)[(packet.frame_len or 0) - ip_len] += 1
    if long:
        return long.most_common(1)[0][0]
    if not short:
        return None
    least = min(short)
    most_padding = least_unpadded - IPV4_HEADER - TCP_HEADER
    padded = set(short) == {least} and 0 < least - ETHERNET_HEADER <= most_padding
    return ETHERNET_HEADER if padded else least


def _set_lengths(talk: Talk, link: int | None) -> None:
    """The payload of lines that print only the frame's length."""
    stamped = any(member.packet.timestamps and not is_syn(member.packet) for member in talk.members)
    for member in talk.members:
        packet = member.packet
        if packet.length is not None:
            member.length = packet.length
            continue
        member.length_known = False
        if packet.flags is None and packet.frame_len is not None and link is not None:
            header = TCP_HEADER + (TIMESTAMP_BYTES if stamped else 0)
            member.length = max(packet.frame_len - link - ip_header(packet) - header, 0)
            member.length_known = True
            packet.option_bytes = header - TCP_HEADER
            packet.timestamps = (0, 0) if stamped else None


def _set_windows(talk: Talk, *, is_scaled: bool) -> None:
    """The windows as sent: tshark multiplies them once both SYNs have told their scale (RFC 7323, 2.2)."""
    syns = [member for member in talk.members if is_syn(member.packet)]
    scales = {member.side: member.packet.scale for member in syns}
    shifts = [scales.get(side) or 0 for side in (0, 1)]
    if not is_scaled or None in (scales.get(0), scales.get(1)):
        shifts = [0, 0]
    last = [_OPEN_WINDOW, _OPEN_WINDOW]
    for member in talk.members:
        side, printed = member.side or 0, member.packet.window
        if printed is not None:
            last[side] = printed if is_syn(member.packet) else printed >> shifts[side]
        member.window = last[side]


# ---- who sent it ----
def _set_sides(talk: Talk) -> None:
    """Choose the senders of lines without any so that payloads add up to the numbers printed later."""
    members = talk.members
    if all(member.side is not None for member in members):
        return
    _by_words(talk)
    reached: list[int | None] = [None, None]
    begin = 0
    for index, member in enumerate(members):
        if member.packet.seq is None or member.side is None:
            continue
        open_ones = [m for m in members[begin:index] if m.side is None]
        if 0 < len(open_ones) <= MOST_OPEN:
            _solve(open_ones, reached, member)
        for earlier in members[begin : index + 1]:
            _advance(reached, earlier)
        begin = index + 1
    last = 0
    for member in members:
        member.side = last if member.side is None else member.side
        last = member.side


def _by_words(talk: Talk) -> None:
    """Client Hello and Server Hello say who sent them; the client is who sent the SYN, else `a`."""
    syns = [(m.side, (m.packet.flags or 0) & FLAGS["A"]) for m in talk.members if is_syn(m.packet)]
    client = 1 if syns and all(answers for _, answers in syns) and syns[0][0] == 0 else 0
    for member in talk.members:
        if member.side is None and member.packet.info.startswith(("Client Hello", "Server Hello")):
            member.side = client if member.packet.info.startswith("Client") else 1 - client


def _solve(open_ones: Sequence[Member], reached: list[int | None], anchor: Member) -> None:
    """The first choice of senders with which the anchor's sequence and acknowledgment numbers come out right."""
    side, packet = anchor.side or 0, anchor.packet
    own, other = reached[side], reached[1 - side]
    best: tuple[int, tuple[int, ...]] = (3, ())
    for choice in product((1 - side, side), repeat=len(open_ones)):
        sums = [0, 0]
        for chosen, member in zip(choice, open_ones, strict=True):
            sums[chosen] += member.length
        wrong = 0
        if own is not None and packet.seq is not None and not packet.tags:
            wrong += own + sums[side] != packet.seq
        if other is not None and packet.ack is not None:
            wrong += other + sums[1 - side] < packet.ack
        if wrong < best[0]:
            best = wrong, choice
    for chosen, member in zip(best[1], open_ones, strict=True):
        member.side = chosen


def _advance(reached: list[int | None], member: Member) -> None:
    """What a line shows of how far its sender, and the other side, have come."""
    packet, side = member.packet, member.side
    if side is None:
        return
    own, other = reached[side], reached[1 - side]
    used = member.length + (1 if (packet.flags or 0) & (FLAGS["S"] | FLAGS["F"]) else 0)
    if packet.seq is not None:
        reached[side] = max(own or 0, packet.seq + used)
    elif own is not None:
        reached[side] = own + used
    if packet.ack is not None and packet.flags and (other is None or packet.ack > other):
        reached[1 - side] = packet.ack
