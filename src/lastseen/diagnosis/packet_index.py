"""Find the packets of one point that fit what a text says of a packet, however little it says.

A log may have many thousand lines and a capture ten million packets, so flows are found by a digest of their ends, all
at once, and only packets whose numbers some text gives are looked at one by one.
"""

import ipaddress
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.tables import packets as table
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.facts_from_texts import LoggedPacket
from lastseen.tables.points import Point

__all__ = ["PacketIndex"]

MOST_LOOKED_AT: Final = 1_000_000
"""Packets of a point looked at for texts that give neither sequence number nor identification: about a second."""

_TCP, _UDP = 6, 17
_FLAG_BITS: Final = 0x3F
"""Logs print CWR ECE URG ACK PSH RST SYN FIN; the lower six are in every generation."""
_HEADERS: Final = {(4, _TCP): (40, 120), (6, _TCP): (60, 4096), (4, _UDP): (28, 68), (6, _UDP): (48, 4096)}
"""Bytes of IP and transport headers, least and most (RFC 791, 8200, 9293, 768), by IP version and protocol.

IPv6 extension headers have no bound of their own; kernels take some hundred bytes."""
_UNSIZED: Final = table.INFO_FRAGMENT | table.INFO_CUT | table.INFO_MALFORMED | table.INFO_LENGTH_UNKNOWN

Ends = tuple[Endpoint, Endpoint]
Found = tuple[int, list[int]]
"""A packet's row number and the row itself."""


@dataclass(frozen=True, slots=True, eq=False)
class PacketIndex:
    """The packets of a point that texts may speak of. `words`: FLOW words of each pair of ends, as (from, to).

    By FLOW word and sequence number, by FLOW word and identification, and by FLOW word alone, each as far as there are
    texts that give no more than that.
    """

    words: dict[Ends, list[int]]
    protocols: dict[int, tuple[int, int]]
    by_seq: dict[tuple[int, int], list[Found]] = field(repr=False)
    by_id: dict[tuple[int, int], list[Found]] = field(repr=False)
    by_flow: dict[int, list[Found]] = field(repr=False)

    @staticmethod
    def of(point: Point, wanted: Sequence[LoggedPacket]) -> "PacketIndex":
        """The index of a point for these texts."""
        words = _flow_words(point, {(packet.src, packet.dst) for packet in wanted})
        protocols = {}
        for word in {word for found in words.values() for word in found}:
            version = int(point.capture.flows[word >> 1, table.FLOW_PROTO])
            protocols[word] = (version >> 8 & 0xF, version & 0xFF)
        index = PacketIndex(words, protocols, defaultdict(list), defaultdict(list), defaultdict(list))
        if words:
            index._fill(point, wanted)
        return index

    def _fill(self, point: Point, wanted: Sequence[LoggedPacket]) -> None:
        mine = [packet for packet in wanted if (packet.src, packet.dst) in self.words]
        seqs = {packet.tcp_seq for packet in mine if packet.tcp_seq is not None}
        ids = {packet.ip_id for packet in mine if packet.tcp_seq is None and packet.ip_id is not None}
        loose = [packet for packet in mine if packet.tcp_seq is None and packet.ip_id is None]
        flows = {word for packet in loose for word in self.words[packet.src, packet.dst]}
        packets, here = point.capture.packets, self._rows(point)
        for row, packet in _listed(packets, here[_among(packets[here, table.SEQ], seqs)]):
            self.by_seq[packet[table.FLOW], packet[table.SEQ]].append((row, packet))
        for row, packet in _listed(packets, here[_among(packets[here, table.ID_WINDOW] >> 16, ids)]):
            self.by_id[packet[table.FLOW], packet[table.ID_WINDOW] >> 16].append((row, packet))
        for row, packet in _listed(packets, here[_among(packets[here, table.FLOW], flows)][:MOST_LOOKED_AT]):
            self.by_flow[packet[table.FLOW]].append((row, packet))

    def _rows(self, point: Point) -> npt.NDArray[np.int64]:
        """int64[n]: packets of the flows that texts name."""
        named = np.zeros(2 * len(point.capture.flows) + 1, np.bool_)
        named[list(self.protocols)] = True
        flow = np.minimum(point.capture.packets[:, table.FLOW], np.uint32(len(named) - 1))
        return np.flatnonzero(named[flow] & (point.group_of >= 0))

    def fitting(self, packet: LoggedPacket) -> list[int]:
        """Rows, ascending, that agree with everything the text gives."""
        return sorted(
            row
            for word in self.words.get((packet.src, packet.dst), ())
            for row, found in self._candidates(word, packet)
            if _agrees(found, packet, self.protocols[word])
        )

    def _candidates(self, word: int, packet: LoggedPacket) -> Sequence[Found]:
        if packet.tcp_seq is not None:
            return self.by_seq.get((word, packet.tcp_seq), ())
        if packet.ip_id is not None:
            return self.by_id.get((word, packet.ip_id), ())
        return self.by_flow.get(word, ())


def _listed(packets: table.PacketRows, rows: npt.NDArray[np.int64]) -> Iterator[Found]:
    return zip(rows.tolist(), packets[rows].tolist(), strict=True)


def _among(column: npt.NDArray[np.uint32], wanted: Collection[int]) -> npt.NDArray[np.bool_]:
    return np.isin(column, np.array(sorted(wanted), np.uint32))


def _agrees(found: list[int], packet: LoggedPacket, protocol: tuple[int, int]) -> bool:
    """Whether a captured packet agrees in protocol, numbers, flags, identification and length."""
    proto, info = protocol[1], found[table.MISC] >> 24
    if packet.proto not in (None, proto):
        return False
    has_id = info & table.INFO_IP_ID
    if packet.ip_id is not None and not (has_id and found[table.ID_WINDOW] >> 16 == packet.ip_id):
        return False
    if proto == _TCP and not (
        packet.tcp_seq in (None, found[table.SEQ])
        and packet.tcp_ack in (None, found[table.ACK])
        and (packet.tcp_flags is None or not (packet.tcp_flags ^ found[table.LENGTH_FLAGS]) & _FLAG_BITS)
    ):
        return False
    bounds = _HEADERS.get(protocol)
    if packet.ip_len_bytes is None or bounds is None or info & _UNSIZED:
        return True
    return bounds[0] <= packet.ip_len_bytes - (found[table.LENGTH_FLAGS] >> 8) <= bounds[1]


# ---- flows by their ends ----
def _flow_words(point: Point, wanted: set[Ends]) -> dict[Ends, list[int]]:
    """FLOW words (flow << 1 | direction) of packets between these ends; a port 0 is any port."""
    ends = {pair: words for pair in wanted if (words := _words(pair)) is not None}
    flows = point.capture.flows
    result: dict[Ends, list[int]] = defaultdict(list)
    for with_ports in (True, False):
        named: dict[bytes, list[Ends]] = defaultdict(list)
        for pair, words in ends.items():
            if bool(words[-1]) == with_ports:
                named[np.array(words, np.uint32).tobytes()].append(pair)
        if not named or not len(flows):
            continue
        digests = _digests(np.frombuffer(b"".join(named), np.uint32).reshape(len(named), -1))
        for direction in (0, 1):
            keys = _flow_keys(flows, direction, with_ports=with_ports)
            for number in np.flatnonzero(np.isin(_digests(keys), digests)).tolist():
                for pair in named.get(keys[number].tobytes(), ()):
                    result[pair].append(number << 1 | direction)
    return dict(result)


def _words(pair: Ends) -> tuple[int, ...] | None:
    """IP version, both addresses as four words each, both ports in one; None for what is no address."""
    try:
        found = [ipaddress.ip_address(end.address) for end in pair]
    except ValueError:
        return None
    if found[0].version != found[1].version:
        return None
    words = [int(one) >> shift & 0xFFFFFFFF for one in found for shift in (96, 64, 32, 0)]
    return (found[0].version, *words, pair[0].port << 16 | pair[1].port)


def _flow_keys(flows: table.FlowRows, direction: int, *, with_ports: bool) -> npt.NDArray[np.uint32]:
    """uint32[m, 10]: the same of flows, as seen by packets of that direction."""
    a, b = flows[:, table.FLOW_A : table.FLOW_A + 4], flows[:, table.FLOW_B : table.FLOW_B + 4]
    ports = flows[:, table.FLOW_PORTS] if with_ports else np.zeros(len(flows), np.uint32)
    version = flows[:, table.FLOW_PROTO] >> 8 & 0xF
    columns = [version, b, a, ports << 16 | ports >> 16] if direction else [version, a, b, ports]
    return np.ascontiguousarray(np.column_stack(columns), np.uint32)


def _digests(keys: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
    """uint64[m]: FNV-1a over the words (Fowler, Noll, Vo); equal keys have equal digests."""
    result = np.full(len(keys), 0xCBF29CE484222325, np.uint64)
    for column in keys.T:
        result = (result ^ column) * np.uint64(0x100000001B3)
    return result
