"""What an ICMP error of a listing quotes: completed from the packets before it, where only one can be meant.

tshark prints nothing of the quoted packet, tcpdump its destination and, of an unreachable port, that; with -v all of
it. But an error is sent to whoever sent the packet it quotes (RFC 792), and that packet stands before it in the
listing. Where packets of one flow that is still open fit, its ports are quoted; where several do, none are.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from lastseen.evidence.listings.icmp_lines import is_error
from lastseen.evidence.listings.printed import TCP, UDP, Printed
from lastseen.evidence.listings.talks import Member, Talk, is_syn
from lastseen.tables.packets import FLAGS

__all__ = ["set_quotes"]

_PORT_UNREACHABLE: Final = (3, 3)
_PORT_UNREACHABLE6: Final = (1, 4)
_Ends = tuple[int, frozenset[tuple[str, int]]]
"""Protocol and both ends of a flow, whoever sends."""
MOST_SENT: Final = 4096
"""Packets of one sender that are looked at for a quote: an error follows its packet within a second."""
_MASK32: Final = 0xFFFFFFFF


def set_quotes(packets: Sequence[Printed], places: dict[int, tuple[Talk, Member]]) -> None:
    """Complete `quoted` of each error; where not even a destination is known it becomes None."""
    sent = defaultdict[str, list[int]](list)
    closed = defaultdict[_Ends, set[str]](set)
    for index, packet in enumerate(packets):
        if is_error(packet):
            before = [
                earlier for earlier in sent[packet.dst][-MOST_SENT:]
                if len(closed[_ends(packets[earlier], places.get(earlier))]) < len("ab")
            ]  # fmt: skip
            told = packet.quoted or _untold(packet, [packets[earlier] for earlier in before])
            packet.quoted = _completed(told, packets, before, places)
        elif packet.proto in (TCP, UDP) and not packet.fragment:
            sent[packet.src].append(index)
            _note_close(closed[_ends(packet, places.get(index))], packet)


def _ends(packet: Printed, place: tuple[Talk, Member] | None) -> _Ends:
    proto, sport, dst, dport = _flow(packet, place)
    return proto, frozenset(((packet.src, sport), (dst, dport)))


def _note_close(closed: set[str], packet: Printed) -> None:
    """Which ends of a connection have sent a FIN; a reset is both of them, a SYN neither."""
    flags = packet.flags or 0
    if is_syn(packet):
        closed.clear()
    elif flags & FLAGS["R"]:
        closed |= {packet.src, packet.dst}
    elif flags & FLAGS["F"]:
        closed.add(packet.src)


def _untold(error: Printed, sent: Sequence[Printed]) -> Printed:
    """Where nothing of a quote is printed: an unreachable port is told by the destination itself, if it was asked."""
    is_port = (error.icmp_type, error.icmp_code) in (_PORT_UNREACHABLE, _PORT_UNREACHABLE6)
    is_own = is_port and any(packet.dst == error.src for packet in sent)
    return Printed(line=error.line, src=error.dst, dst=error.src if is_own else "")


def _completed(
    told: Printed, packets: Sequence[Printed], sent: Sequence[int], places: dict[int, tuple[Talk, Member]]
) -> Printed | None:
    fitting = [index for index in sent if _fits(packets[index], told)]
    flows = {_flow(packets[index], places.get(index)) for index in fitting}
    if len(flows) != 1:
        return told if told.dst else None
    last = packets[fitting[-1]]
    _, sport, dst, dport = flows.pop()
    return replace(
        told,
        dst=dst,
        sport=sport,
        dport=dport,
        proto=last.proto,
        version=last.version,
        seq=_seq(fitting, places),
    )


def _fits(packet: Printed, told: Printed) -> bool:
    return (
        told.dst in ("", packet.dst)
        and told.proto in (0, packet.proto)
        and told.dport in (0, packet.dport)
        and told.sport in (0, packet.sport)
    )


def _flow(packet: Printed, place: tuple[Talk, Member] | None) -> tuple[int, int, str, int]:
    """(protocol, source port, destination, its port); lines of TCP that print no ports have their connection's."""
    if place is None or packet.sport or packet.dport:
        return packet.proto, packet.sport, packet.dst, packet.dport
    ends, side = place[0].ends, place[1].side or 0
    return packet.proto, ends[3] if side else ends[1], packet.dst, ends[1] if side else ends[3]


def _seq(fitting: Sequence[int], places: dict[int, tuple[Talk, Member]]) -> int | None:
    """The quoted sequence number: known where all packets that fit have the same one."""
    numbers = {
        (talk.base[member.side or 0] + member.seq) & _MASK32
        for talk, member in (places[index] for index in fitting if index in places)
    }
    return numbers.pop() if len(numbers) == 1 else None
