"""A TCP conversation as several observation points see it: the input of every test of matching.

talk = Conversation(exchanges=((100, 3000),))
tap = talk.seen_at(Point(delay_ns=50_000, drop=frozenset({talk.number_of("server FIN")})))
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import packet_writer as w

Endpoint = tuple[str, int]
"""(address, port)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One TCP segment as its sender sent it. `label` names it: "client SYN", "server data 0", "server FIN"."""

    number: int
    label: str
    time_ns: int
    from_client: bool
    seq: int
    ack: int
    flags: str
    length: int
    identification: int
    options: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Where and how a conversation is captured.

    `delay_ns`: how far the point is from the client; the server is `rtt_ns / 2` of the conversation away.
    `clock_offset_ns`: what this point's clock is ahead. `nat`: endpoint as sent -> as seen here. `drop`: numbers
    of segments that never arrive here. `wrap` makes the frame of the IP packet (tunnels, tags); `pad_to` pads
    the plain Ethernet frame. `sequence_offset` is what a randomising firewall adds: (client's, server's).
    """

    delay_ns: int = 0
    clock_offset_ns: int = 0
    nat: Mapping[Endpoint, Endpoint] = field(default_factory=dict)
    drop: frozenset[int] = frozenset()
    wrap: Callable[[bytes], bytes] | None = None
    pad_to: int = 0
    ttl: int = 64
    sequence_offset: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """Handshake, exchanges of (request bytes, response bytes), and the server's FIN first.

    Every data segment is acknowledged by a bare ACK. Identifications count up at each end from `client_id` and
    `server_id`; with `timestamps` every segment carries the option.
    """

    client: Endpoint = ("10.0.0.5", 40000)
    server: Endpoint = ("192.0.2.80", 443)
    client_isn: int = 1_000_000
    server_isn: int = 2_000_000
    client_id: int = 100
    server_id: int = 5000
    exchanges: tuple[tuple[int, int], ...] = ((200, 2500),)
    maximum_segment: int = 1448
    timestamps: bool = False
    start_ns: int = 1_700_000_000_000_000_000
    rtt_ns: int = 1_000_000
    close: bool = True

    def segments(self) -> list[Segment]:
        """All segments in the order they are sent, with the time at their sender."""
        return _Script(self).play()

    def number_of(self, label: str) -> int:
        """The number of the segment with this label."""
        return next(segment.number for segment in self.segments() if segment.label == label)

    def seen_at(self, point: Point) -> list[w.Packet]:
        """(time_ns, frame) of every segment that reaches the point, by time."""
        seen = [self._seen(segment, point) for segment in self.segments() if segment.number not in point.drop]
        return sorted(seen, key=lambda packet: packet[0])

    def _seen(self, segment: Segment, point: Point) -> w.Packet:
        ends = [point.nat.get(end, end) for end in (self.client, self.server)]
        (src, sport), (dst, dport) = ends if segment.from_client else ends[::-1]
        own, peer = point.sequence_offset if segment.from_client else point.sequence_offset[::-1]
        payload = w.tcp(
            sport, dport, seq=(segment.seq + own) % 2**32, flags=segment.flags, options=segment.options,
            ack=(segment.ack + peer) % 2**32 if "A" in segment.flags else 0,
            data=_pattern(segment.seq, segment.length),
        )  # fmt: skip
        if ":" in src:
            packet = w.ipv6(src, dst, payload, flow_label=segment.identification, hop_limit=point.ttl)
        else:
            packet = w.ipv4(src, dst, payload, identification=segment.identification, ttl=point.ttl)
        frame = point.wrap(packet) if point.wrap else w.ethernet(packet, pad_to=point.pad_to)
        way = point.delay_ns if segment.from_client else self.rtt_ns // 2 - point.delay_ns
        return segment.time_ns + way + point.clock_offset_ns, frame


def _pattern(seq: int, length: int) -> bytes:
    """Payload bytes that depend on their place in the stream, so that a retransmission repeats them."""
    return bytes((seq + i) * 37 % 251 for i in range(length))


class _Script:
    """The state of both ends while the conversation is played."""

    def __init__(self, talk: Conversation) -> None:
        self.talk, self.now, self.sent = talk, talk.start_ns, [talk.client_isn, talk.server_isn]
        self.ids, self.out = [talk.client_id, talk.server_id], list[Segment]()

    def play(self) -> list[Segment]:
        talk = self.talk
        opening = w.mss(1460) + w.sack_permitted() + w.window_scale(7)
        self.send("client SYN", 0, "S", options=opening)
        self.turn()
        self.send("server SYN", 1, "SA", options=opening)
        self.turn()
        self.send("client ACK", 0, "A")
        for number, (request, response) in enumerate(talk.exchanges):
            self.data(f"client data {number}", 0, request)
            self.data(f"server data {number}", 1, response)
        if talk.close:
            self.finish()
        return self.out

    def finish(self) -> None:
        """The server closes, the client follows."""
        self.send("server FIN", 1, "FA")
        self.turn()
        self.send("client FIN", 0, "FA")
        self.turn()
        self.send("server last ACK", 1, "A")

    def data(self, label: str, side: int, size: int) -> None:
        """`size` bytes in segments, each acknowledged; a second segment is labelled `label.1`."""
        for part, at in enumerate(range(0, size, self.talk.maximum_segment)):
            name = f"{label}.{part}" if part else label
            self.send(name, side, "PA", length=min(self.talk.maximum_segment, size - at))
            self.turn()
            self.send(f"{name} ACK", 1 - side, "A")
            self.turn()

    def turn(self) -> None:
        """The other end answers after half a round trip and 10 us of thought."""
        self.now += self.talk.rtt_ns // 2 + 10_000

    def send(self, label: str, side: int, flags: str, *, length: int = 0, options: bytes = b"") -> None:
        """One segment, and its sender's counters moved behind it."""
        stamp = w.timestamps(self.now // 1_000_000 % 2**32, 1) if self.talk.timestamps else b""
        segment = Segment(
            number=len(self.out), label=label, time_ns=self.now, from_client=side == 0, seq=self.sent[side],
            ack=self.sent[1 - side] if "A" in flags else 0, flags=flags, length=length,
            identification=self.ids[side] % 65536, options=options + stamp,
        )  # fmt: skip
        self.out.append(replace(segment, seq=segment.seq % 2**32, ack=segment.ack % 2**32))
        self.sent[side] += length + ("S" in flags) + ("F" in flags)
        self.ids[side] += 1
