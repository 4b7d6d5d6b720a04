"""The valid captures that fuzzing starts from: every file form, link type, tunnel and header the reader knows.

Each holds a few packets only. A mutation then hits something that matters, and a run makes many of them.
"""

import gzip
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import packet_writer as w
from conversation_writer import Conversation, Point

from lastseen.evidence.captures import ByteSource, read_capture

__all__ = ["Seed", "seeds"]

A4, B4, A6, B6 = "10.0.0.5", "192.0.2.80", "2001:db8::5", "2001:db8::80"
OUTER = ("172.16.0.1", "172.16.0.2")
START_NS = 1_700_000_000_000_000_000
MIDDLE_ISN = 3_000_000_000
"""Beyond half of the sequence space; the responder's wraps within the conversation."""
WRAPPING_ISN = 2**32 - 700

_V4 = Conversation(exchanges=((90, 300), (40, 0)), timestamps=True)
_V6 = Conversation(client=(A6, 40000), server=(B6, 443), exchanges=((90, 300),))
_WRAP = Conversation(client_isn=MIDDLE_ISN, server_isn=WRAPPING_ISN, exchanges=((60, 900),))
_OPEN = Conversation(exchanges=((60, 120),), close=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """One valid capture: what is mutated is `data`, most of it at `packets`, where its packets' bytes begin."""

    name: str
    data: bytes
    packets: tuple[int, ...]


def seeds() -> list[Seed]:
    """Every seed, in a fixed order; each of its own name."""
    groups = (_file_forms(), _links(), _tunnels(), _headers(), _conversations(), _pcapng_forms())
    return [Seed(name=name, data=data, packets=_packets_in(data)) for group in groups for name, data in group]


def _packets_in(data: bytes) -> tuple[int, ...]:
    """Where packets begin; none where the file is compressed."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        capture, _ = read_capture(ByteSource(file), "seed")
    return tuple(capture.offsets.tolist())


Named = Iterable[tuple[str, bytes]]


def _talk(wrap: Callable[[bytes], bytes] | None = None, talk: Conversation = _V4) -> list[w.Packet]:
    """The conversation as one point sees it, in the frames that `wrap` makes."""
    return talk.seen_at(Point(delay_ns=50_000, wrap=wrap))


def _file_forms() -> Named:
    """pcap in both byte orders and units, cut by its snap length, compressed."""
    plain = w.pcap(_talk())
    yield "pcap", plain
    yield "pcap big-endian", w.pcap(_talk(), big_endian=True)
    yield "pcap nanoseconds", w.pcap(_talk(), nanoseconds=True)
    yield "pcap big-endian nanoseconds", w.pcap(_talk(), big_endian=True, nanoseconds=True)
    yield "pcap snap length 60", w.pcap(_talk(), snap_length=60)
    yield "gzip", gzip.compress(plain, mtime=0)
    yield "zstd", w.zstandardized(plain)


def _links() -> Named:
    """The same conversation in the frames of each link type."""
    wraps: tuple[tuple[str, int, Callable[[bytes], bytes]], ...] = (
        ("null", 0, w.null),
        ("loop", 108, partial(w.null, big_endian=True)),
        ("raw", 101, bytes),
        ("raw BSD", 12, bytes),
        ("raw IPv4", 228, bytes),
        ("SLL", 113, w.sll),
        ("SLL2", 276, w.sll2),
        ("PPP", 9, w.ppp),
        ("PPP short", 50, partial(w.ppp, short=True)),
        ("PPPoE link", 51, w.pppoe),
        ("802.11", 105, w.wifi),
        ("802.11 QoS", 105, partial(w.wifi, qos=True, four_addresses=True)),
        ("radiotap", 127, lambda packet: w.radiotap(w.wifi(packet), length=12)),
        ("NFLOG", 239, w.nflog),
        ("NFLOG big-endian", 239, partial(w.nflog, big_endian=True)),
        ("802.3 SNAP", 1, w.ethernet_snap),
    )
    for name, link_type, wrap in wraps:
        yield name, w.pcap(_talk(wrap), link_type=link_type)
    yield "raw IPv6", w.pcap(_talk(bytes, _V6), link_type=229)
    yield "null IPv6", w.pcap(_talk(w.null, _V6), link_type=0)


def _between(payload: w.Payload) -> bytes:
    """A frame between the tunnel's ends."""
    return w.ethernet(w.ipv4(*OUTER, payload, identification=9))


def _between6(payload: w.Payload) -> bytes:
    return w.ethernet(w.ipv6("2001:db8:1::1", "2001:db8:1::2", payload))


def _tunnels() -> Named:
    """The same conversation inside each tunnel, tag and label."""
    frame = w.ethernet
    wraps: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
        ("Geneve", lambda p: _between(w.geneve(frame(p), vni=7, options=bytes.fromhex("0102800100020003")))),
        ("Geneve over IPv6", lambda p: _between6(w.geneve(frame(p), vni=7))),
        ("VXLAN", lambda p: _between(w.vxlan(frame(p), vni=7))),
        ("VXLAN-GPE", lambda p: _between(w.vxlan_gpe(p, vni=7))),
        ("GRE", lambda p: _between(w.gre(p, key=5, sequence=1, checksum=True))),
        ("GRE Ethernet", lambda p: _between(w.gre(frame(p), kind=0x6558, key=5))),
        ("ERSPAN II", lambda p: _between(w.erspan2(frame(p), session=3))),
        ("ERSPAN III", lambda p: _between(w.erspan3(frame(p), session=3, platform=True))),
        ("IP in IP", lambda p: _between(w.ip_in_ip(p))),
        ("GTP-U", lambda p: _between(w.gtpu(p, teid=5, sequence=1, extensions=[(0x85, b"\0\1")]))),
        ("VXLAN in Geneve", lambda p: _between(w.geneve(_between(w.vxlan(frame(p), vni=7)), vni=8))),
        ("VLAN", lambda p: frame(p, tags=((0x88A8, 10), (0x8100, 20)))),
        ("MPLS", lambda p: frame(w.mpls(p, 100, 200), kind=0x8847)),
        ("PPPoE", lambda p: frame(w.pppoe(p), kind=0x8864)),
        ("802.1ah", lambda p: frame(w.provider_backbone(frame(p)), kind=0x88E7)),
    )
    for name, wrap in wraps:
        yield name, w.pcap(_talk(wrap))
    yield "SIT", w.pcap(_talk(lambda p: _between(w.ip_in_ip(p)), _V6))


def _timed(frames: Iterable[bytes]) -> list[w.Packet]:
    return [(START_NS + 1_000_000 * number, frame) for number, frame in enumerate(frames)]


def _headers() -> Named:
    """Transports other than TCP, fragments, extension headers, options."""
    there, back = partial(w.ip, A4, B4), partial(w.ip, B4, A4)
    mixed = (
        there(w.udp(5000, 53, b"question"), identification=1),
        back(w.udp(53, 5000, b"an answer"), identification=2),
        there(w.icmp(8, data=b"echo me"), identification=3),
        back(w.icmp(0, data=b"echo me"), identification=4),
        back(w.icmp(3, 4, rest=b"\0\0\5\x78", data=there(w.tcp(1, 2, seq=5))[:28]), identification=5),
        there(w.sctp(7, 8, b"\1\0\0\4"), identification=6),
    )
    yield "UDP, ICMP, SCTP", w.pcap(_timed(map(w.ethernet, mixed)))
    six = (
        w.ipv6(A6, B6, w.udp(5000, 53, b"question"), flow_label=1),
        w.ipv6(A6, B6, w.icmp6(128, data=b"echo me"), flow_label=2),
        w.ipv6(B6, A6, w.icmp6(2, rest=b"\0\0\5\0", data=w.ipv6(A6, B6, w.tcp(1, 2))[:60]), flow_label=3),
        w.ipv6(A6, B6, w.tcp(1, 2, flags="S"), extensions=[(0, w.extension()), (60, w.extension(2))]),
        w.ipv6(A6, B6, w.tcp(1, 2, seq=1), extensions=[(43, w.extension(1)), (51, b"\0\4" + bytes(22))]),
    )
    signed = (
        w.ipv4(A4, B4, w.authentication(A4, B4, w.tcp(1, 2, flags="S")), identification=7),
        w.ipv4(B4, A4, w.authentication(B4, A4, w.authentication(B4, A4, w.tcp(2, 1, flags="SA", ack=1)))),
        w.ipv6(A6, B6, w.authentication(A6, B6, w.udp(5000, 53, b"question"), icv_bytes=20)),
        *w.ipv6_fragments(
            A6, B6, w.authentication(A6, B6, w.udp(7, 9, bytes(90))), size=64, identification=7
        ),
    )
    yield "authentication headers", w.pcap(_timed(map(w.ethernet, signed)))
    yield "IPv6 and extensions", w.pcap(_timed(map(w.ethernet, six)))
    long = w.udp(5000, 53, bytes(range(200)))
    pieces = w.ipv4_fragments(A4, B4, long, size=64, identification=77)
    pieces += w.ipv6_fragments(A6, B6, long, size=64, identification=78)
    yield "fragments", w.pcap(_timed(map(w.ethernet, pieces)))
    offload = (
        w.ipv4(A4, B4, w.tcp(1, 2, flags="S", checksum="partial"), total_length=0),
        w.ipv6(A6, B6, w.tcp(1, 2, data=bytes(99)), payload_length=0),
        w.ipv4(A4, B4, w.udp(1, 2, b"longer", length=99), options=b"\x94\4\0\0"),
    )
    yield "lengths left to the card", w.pcap(_timed(w.ethernet(packet, pad_to=60) for packet in offload))


def _conversations() -> Named:
    """TCP that repeats, reorders, resets, shuts its window, wraps its sequence numbers, speaks SACK."""
    seen = _talk(None, _WRAP)
    yield "wrapping sequence numbers", w.pcap(seen)
    yield "reordered and repeated", w.pcap([*seen[:4], seen[6], seen[4], seen[4], *seen[5:], seen[5]])
    yield "one direction", w.pcap([p for number, p in enumerate(_WRAP.seen_at(Point())) if number % 2])
    yield "several connections", w.pcap(sorted(_talk() + _talk(None, _V6) + _talk(None, _OPEN)[3:]))
    yield "padded", w.pcap(_V4.seen_at(Point(pad_to=60, drop=frozenset({_V4.number_of("server FIN")}))))
    yield "SACK, reset, shut window", w.pcap(_timed(w.ethernet(w.ipv4(A4, B4, s)) for s in _odd_segments()))


def _odd_segments() -> Iterable[w.Payload]:
    opening = w.mss(1460) + w.sack_permitted() + w.timestamps(1, 0) + w.window_scale(14)
    yield w.tcp(1, 2, seq=0, flags="S", options=opening)
    yield w.tcp(1, 2, seq=1, ack=1, data=b"x" * 50, flags="PAU")
    yield w.tcp(1, 2, seq=101, ack=1, data=b"x" * 50, options=w.sack((5, 9), (20, 30), (40, 50)))
    yield w.tcp(1, 2, seq=151, ack=1, window=0)
    yield w.tcp(1, 2, seq=150, ack=1, window=0, data=b"k")
    yield w.tcp(1, 2, seq=151, ack=1, flags="FA")
    yield w.tcp(1, 2, seq=152, flags="R")
    yield w.tcp(1, 2, seq=9, flags="S")
    yield w.tcp(1, 2, seq=10, flags="SFRPAUEC")


def _pcapng_forms() -> Named:
    """pcapng in both byte orders: its packet blocks, resolutions, statistics, sections, comments."""
    for big_endian in (False, True):
        order = "big-endian" if big_endian else "little-endian"
        g = w.Pcapng(big_endian=big_endian)
        yield f"pcapng {order}", _enhanced(g)
        yield f"pcapng simple {order}", _simple(g)
        yield f"pcapng obsolete {order}", _obsolete(g)
        yield f"pcapng sections {order}", _enhanced(g) + _simple(w.Pcapng(big_endian=not big_endian))
        yield f"pcapng 2^-20 s {order}", _binary_time(g)


def _enhanced(g: w.Pcapng) -> bytes:
    """Two interfaces, comments, unknown blocks and statistics."""
    blocks = [
        g.section(comment="two interfaces"),
        g.interface(name="eth0", snap_length=96, filter_text="tcp port 443"),
        g.interface(name="geneve", resolution=9, link_type=101),
    ]
    for number, ((at, frame), (_, packet)) in enumerate(zip(_talk(), _talk(bytes), strict=True)):
        blocks.append(
            g.packet(at // 1000, frame[:96], wire=len(frame), comment="seen" if number == 1 else "")
        )
        blocks.append(g.packet(at + 700, packet, interface=1))
    blocks.insert(6, g.block(0x80000ABC, b"of our own"))
    blocks.append(
        g.statistics(START_NS // 1000 + 9, start=START_NS // 1000, end=START_NS // 1000 + 9, if_drop=3)
    )
    return b"".join(blocks)


def _simple(g: w.Pcapng) -> bytes:
    return g.section() + g.interface() + b"".join(g.simple_packet(frame) for _, frame in _talk())


def _obsolete(g: w.Pcapng) -> bytes:
    blocks = (g.obsolete_packet(at // 1000, frame) for at, frame in _talk())
    return g.section() + g.interface() + b"".join(blocks)


def _binary_time(g: w.Pcapng) -> bytes:
    ticks = ((at * 2**20 // 10**9, frame) for at, frame in _talk())
    face = g.interface(resolution=0x80 | 20, offset_s=-5)
    return g.section() + face + b"".join(g.packet(at, frame) for at, frame in ticks)
