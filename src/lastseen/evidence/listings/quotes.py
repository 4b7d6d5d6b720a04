"""What an ICMP error of a listing quotes: completed from the packets before it, where only one can be meant.

tshark prints nothing of the quoted packet, tcpdump its destination and, of an unreachable port, that; with -v all of
it. But an error is sent to whoever sent the packet it quotes (RFC 792), and that packet stands before it in the
listing. Where packets of one flow that is still open fit, its ports are quoted; where several do, none are.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
_Flow = tuple[int, int, str, int]
"""Protocol, source port, destination, its port."""
MOST_SENT: Final = 128
"""Packets of one sender that are looked at for a quote: an error follows its packet at once or within a few."""
_MASK32: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class _Sent:
    """A packet that an error may quote. `seq`: as written into the capture, None: of no TCP connection."""

    packet: Printed
    ends: _Ends
    flow: _Flow
    seq: int | None


def set_quotes(packets: Sequence[Printed], places: dict[int, tuple[Talk, Member]]) -> None:
    """Complete `quoted` of each error; where not even a destination is known it becomes None."""
    sent = defaultdict[str, deque[_Sent]](lambda: deque(maxlen=MOST_SENT))
    closed = defaultdict[_Ends, set[str]](set)
    for index, packet in enumerate(packets):
        if is_error(packet):
            before = sent[packet.dst]
            told = packet.quoted or _untold(packet, before)
            packet.quoted = _completed(told, list(_of_one_flow(told, before, closed)))
        elif packet.proto in (TCP, UDP) and not packet.fragment:
            one = _sent(packet, places.get(index))
            sent[packet.src].append(one)
            _note_close(closed[one.ends], packet)


def _sent(packet: Printed, place: tuple[Talk, Member] | None) -> _Sent:
    """Lines of TCP that print no ports have their connection's."""
    sport, dport, seq = packet.sport, packet.dport, None
    if place is not None:
        talk, member = place
        side = member.side or 0
        seq = (talk.base[side] + member.seq) & _MASK32
        if not (sport or dport):
            sport, dport = (talk.ends[3], talk.ends[1]) if side else (talk.ends[1], talk.ends[3])
    ends = packet.proto, frozenset(((packet.src, sport), (packet.dst, dport)))
    return _Sent(packet, ends, (packet.proto, sport, packet.dst, dport), seq)


def _note_close(closed: set[str], packet: Printed) -> None:
    """Which ends of a connection have sent a FIN; a reset is both of them, a SYN neither."""
    flags = packet.flags or 0
    if is_syn(packet):
        closed.clear()
    elif flags & FLAGS["R"]:
        closed |= {packet.src, packet.dst}
    elif flags & FLAGS["F"]:
        closed.add(packet.src)


def _untold(error: Printed, before: Iterable[_Sent]) -> Printed:
    """Where nothing of a quote is printed: an unreachable port is told by the destination itself, if it was asked."""
    is_port = (error.icmp_type, error.icmp_code) in (_PORT_UNREACHABLE, _PORT_UNREACHABLE6)
    is_own = is_port and any(one.packet.dst == error.src for one in before)
    return Printed(line=error.line, src=error.dst, dst=error.src if is_own else "")


def _of_one_flow(told: Printed, before: deque[_Sent], closed: Mapping[_Ends, set[str]]) -> Iterator[_Sent]:
    """The packets that may be meant, the last one first; one of a second flow ends them: then none is."""
    flow: _Flow | None = None
    for one in reversed(before):
        if _fits(one.flow, told) and len(closed[one.ends]) < len("ab"):
            yield one
            if flow not in (None, one.flow):
                return
            flow = one.flow


def _completed(told: Printed, fitting: Sequence[_Sent]) -> Printed | None:
    if not fitting or fitting[0].flow != fitting[-1].flow:
        return told if told.dst else None
    proto, sport, dst, dport = fitting[0].flow
    numbers = {one.seq for one in fitting}
    return replace(
        told, dst=dst, sport=sport, dport=dport, proto=proto, version=fitting[0].packet.version,
        seq=numbers.pop() if len(numbers) == 1 else None,
    )  # fmt: skip


def _fits(flow: _Flow, told: Printed) -> bool:
    proto, sport, dst, dport = flow
    return (
        told.dst in ("", dst)
        and told.proto in (0, proto)
        and told.dport in (0, dport)
        and told.sport in (0, sport)
    )
