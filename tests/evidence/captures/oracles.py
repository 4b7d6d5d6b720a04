"""The captures that outside programs are asked about: generated ones, and every capture among the tests' data."""

from pathlib import Path

import packet_writer as w
import samples
from conversation_writer import Conversation, Point

from lastseen.evidence.captures.magic import is_capture_file

DATA = Path(__file__).parents[2] / "data"

_ODD_SEGMENTS = {
    "syn": w.tcp(1, 65535, seq=5, flags="S", options=w.mss(1460) + w.sack_permitted() + w.window_scale(14)),
    "sack": w.tcp(2, 3, seq=5, ack=9, options=w.timestamps(5, 6) + w.sack((7, 9), (20, 30))),
    "all flags": w.tcp(2, 3, seq=2**32 - 1, flags="FSRPAUEC", data=b"data"),
    "partial checksum": w.tcp(2, 3, seq=1, data=b"abc", checksum="partial"),
    "wrong checksum": w.tcp(2, 3, seq=1, data=b"abc", checksum="wrong"),
}


def _ethernet_packets() -> list[w.Packet]:
    """Frames of every encapsulation, odd segments, fragments, other protocols and no IP at all."""
    ends, ends6 = (samples.SRC, samples.DST), (samples.SRC6, samples.DST6)
    frames = list(samples.ETHERNET_FRAMES.values())
    for segment in _ODD_SEGMENTS.values():
        frames += [w.ethernet(w.ip(*pair, segment, identification=3), pad_to=60) for pair in (ends, ends6)]
    for payload in (w.udp(5000, 53, b"q" * 30), w.sctp(36412, 36422, bytes(16)), w.icmp(8, data=b"ping")):
        frames.append(w.ethernet(w.ipv4(*ends, payload, identification=9)))
    frames.append(w.ethernet(w.ipv6(*ends6, w.icmp6(128, data=b"ping"))))
    frames += [
        w.ethernet(piece)
        for piece in w.ipv4_fragments(*ends, w.udp(1, 2, bytes(90)), size=40, identification=4)
    ]
    frames += [
        w.ethernet(piece)
        for piece in w.ipv6_fragments(*ends6, w.udp(1, 2, bytes(90)), size=40, identification=4)
    ]
    frames += [w.ethernet(bytes(28), kind=0x0806), w.ethernet(w.ipv4(*ends, w.tcp(1, 2), total_length=0))]
    return [(10**18 + 1000 * i, frame) for i, frame in enumerate(frames)]


def _generated() -> dict[str, bytes]:
    packets, blocks = _ethernet_packets(), w.Pcapng()
    talk = Conversation(timestamps=True, exchanges=((300, 5000), (10, 10)))
    underlay = Point(wrap=lambda packet: samples.carried(w.geneve(w.ethernet(packet, pad_to=60), vni=7)))
    made = {
        "ethernet.pcap": w.pcap(packets),
        "ethernet-be-ns.pcap": w.pcap(packets, big_endian=True, nanoseconds=True),
        "ethernet.pcapng": blocks.section()
        + blocks.interface()
        + b"".join(blocks.packet(*p) for p in packets),
        "conversation.pcap": w.pcap(talk.seen_at(Point())),
        "large.pcap": w.pcap([(10**18, frame) for frame in samples.LARGE_FRAMES.values()]),
        "underlay.pcap": w.pcap(talk.seen_at(underlay), snap_length=192),
    }
    for name, (link_type, data) in samples.OTHER_LINKS.items():
        made[f"{name.replace(' ', '-')}.pcap"] = w.pcap([(10**18, data)], link_type=link_type)
    return made


GENERATED = _generated()
GIVEN = (
    sorted(path for path in DATA.rglob("*") if path.is_file() and is_capture_file(path))
    if DATA.is_dir()
    else []
)
NAMES = [*GENERATED, *(str(path.relative_to(DATA)) for path in GIVEN)]


def capture_path(name: str, folder: Path) -> Path:
    """The capture of this name, written into `folder` when it is a generated one."""
    if name not in GENERATED:
        return DATA / name
    path = folder / name
    path.write_bytes(GENERATED[name])
    return path
