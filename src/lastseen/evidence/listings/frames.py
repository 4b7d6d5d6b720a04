"""Packets of a listing as bytes of a capture, so that one decoder reads whatever lastseen is given.

Headers are written as the line tells them (RFC 791, 8200, 9293, 768; Geneve RFC 8926, VXLAN RFC 7348, GRE RFC 2890);
payloads have their length only, as if the snap length had cut them. What the line does not tell is zero here and is
said to be unknown in `tables.listed`.
"""

import struct
import zlib
from dataclasses import replace
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from lastseen.evidence.listings.completing import ETHERNET_HEADER, SMALLEST_FRAME, TCP_HEADER, ip_header
from lastseen.evidence.listings.printed import UDP, Printed
from lastseen.evidence.listings.talks import Member, Talk
from lastseen.tables.packets import FLAGS

__all__ = ["PCAP_HEADER", "address_bytes", "padding_of", "record_of"]

PCAP_HEADER: Final = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262_144, 1)
"""A file of Ethernet frames with times in ns (pcap-savefile(5))."""
_RECORD: Final = struct.Struct("<4I")
_NS: Final = 10**9
_IPV6: Final = 6
_MASK16, _MASK32 = 0xFFFF, 0xFFFFFFFF
_VLAN_TAG: Final = 4
_LONGEST_PADDING: Final = 46
MAX_PAYLOAD: Final = 0xFFFFFF
"""More is no packet's; what a packet row holds."""
_NO_PROTO: Final = 255
"""The protocol of a quoted packet that nobody told (reserved, RFC 3692)."""
_UNKNOWN_TYPE: Final = 0x9000
"""An Ethertype that is no IP (loopback, IEEE): the line is of no packet with addresses."""
_RESERVED_V4, _DISCARD_V6 = 0xF0000000, 0x100 << 112
"""Where host names get addresses to be told apart by: 240.0.0.0/4 (RFC 1112) and 100::/64 (RFC 6666)."""


def record_of(packet: Printed, place: tuple[Talk, Member] | None, *, time_ns: int, link: int | None) -> bytes:
    """One record of a capture file."""
    talk, member = place or (None, None)
    payload = min((packet.length or 0) if member is None else member.length, MAX_PAYLOAD)
    transport = b""
    if talk is not None and member is not None:
        transport = _tcp(packet, talk, member)
    elif packet.proto == UDP and not packet.fragment:
        transport = struct.pack(">4H", packet.sport, packet.dport, min(payload + 8, _MASK16), 0)
    elif packet.icmp_type >= 0 and not packet.fragment:
        transport = _icmp(packet)
        payload = max(_icmp_length(packet, link) - len(transport), 0)
    space = packet.ip_len - ip_header(packet) if packet.ip_len is not None else len(transport) + payload
    inner = _ip(packet, transport, max(space, 0))
    cut = max(space - len(transport), 0) if packet.proto else 0
    if packet.tunnel:
        inner, cut = _tunnelled(packet, inner, cut + (padding_of(packet, member, link) or 0))
        padding = 0
    else:
        inner, padding = _ethernet(packet) + inner, padding_of(packet, member, link) or 0
    seconds, fraction = divmod(max(time_ns, 0), _NS)
    return _RECORD.pack(seconds & _MASK32, fraction, len(inner), len(inner) + cut + padding) + inner


def padding_of(packet: Printed, member: Member | None, link: int | None) -> int | None:
    """Bytes behind the IP packet up to the smallest Ethernet frame; None where the lengths do not tell."""
    ip_len, before = packet.ip_len, ETHERNET_HEADER
    if ip_len is None and member is not None and member.length_known:
        known = packet.option_bytes
        ip_len = None if known is None else ip_header(packet) + TCP_HEADER + known + member.length
    if ip_len is None:
        return None
    if packet.inner_len is not None:
        frame, before = packet.inner_len, ETHERNET_HEADER + (_VLAN_TAG if packet.vlan >= 0 else 0)
    elif packet.frame_len is not None and link is not None:
        frame = packet.frame_len - link + ETHERNET_HEADER
    else:
        return None
    extra = frame - before - ip_len
    if extra == 0:
        return 0
    is_smallest = frame in (SMALLEST_FRAME, SMALLEST_FRAME - _VLAN_TAG)
    return extra if is_smallest and 0 < extra <= _LONGEST_PADDING else None


@lru_cache(maxsize=16_384)
def address_bytes(shown: str, version: int) -> tuple[bytes, bool]:
    """An address's bytes, False; for a host name, or none, those of a reserved one that stands for it, and True."""
    try:
        address = ip_address(shown)
    except ValueError:
        number = zlib.crc32(shown.encode("utf-8", "replace")) if shown else 0
        if version == _IPV6:
            return (_DISCARD_V6 | number).to_bytes(16, "big"), True
        return (_RESERVED_V4 | number & ~_RESERVED_V4 if shown else 0).to_bytes(4, "big"), True
    if address.version == version:
        return address.packed, False
    return address_bytes(f"?{shown}", version)


def _ethernet(packet: Printed) -> bytes:
    kind = 0x86DD if packet.version == _IPV6 else 0x0800
    tag = struct.pack(">HH", 0x8100, packet.vlan & 0xFFF) if packet.vlan >= 0 else b""
    macs = [max(address, 0).to_bytes(6, "big") for address in (packet.eth_dst, packet.eth_src)]
    return b"".join(macs) + tag + struct.pack(">H", kind if packet.proto else _UNKNOWN_TYPE)


def _ip(packet: Printed, transport: bytes, space: int) -> bytes:
    """The IP header and what is captured behind it; `space`: how long that is on the wire."""
    if not packet.proto:
        return b""
    ends = [address_bytes(end, packet.version or 4)[0] for end in (packet.src, packet.dst)]
    if packet.version == _IPV6:
        first = 6 << 28 | (packet.dsfield or 0) << 20
        header = struct.pack(
            ">IHBB", first, min(space, _MASK16), packet.proto & 0xFF, min(packet.ttl or 0, 255)
        )
        return header + b"".join(ends) + transport
    flags = (packet.df or 0) << 14 | packet.fragment
    return (
        struct.pack(
            ">BBHHHBBH", 0x45, packet.dsfield or 0, min(space + 20, _MASK16), (packet.ip_id or 0) & _MASK16,
            flags, min(packet.ttl or 0, 255), packet.proto & 0xFF, 0,
        )
        + b"".join(ends)
        + transport
    )  # fmt: skip


def _tcp(packet: Printed, talk: Talk, member: Member) -> bytes:
    side, flags = member.side or 0, member.flags
    seq = (talk.base[side] + member.seq) & _MASK32
    ack = (talk.base[1 - side] + member.ack) & _MASK32 if flags & FLAGS["A"] else 0
    options = _options(packet, talk.base[1 - side])
    offset = (TCP_HEADER + len(options)) // 4 << 4
    window = min(member.window, _MASK16)
    ports = packet.sport, packet.dport
    if not any(ports):
        ports = (talk.ends[3], talk.ends[1]) if side else (talk.ends[1], talk.ends[3])
    return struct.pack(">2H2I2B3H", *ports, seq, ack, offset, flags & 0xFF, window, 0, 0) + options


def _icmp(packet: Printed) -> bytes:
    """Type, code, the rest of the header (RFC 792, RFC 4443), and of a quoted packet its header and eight bytes."""
    header = struct.pack(
        ">BBHI", packet.icmp_type & 0xFF, packet.icmp_code & 0xFF, 0, packet.icmp_rest & _MASK32
    )
    quoted = packet.quoted
    if quoted is None:
        return header
    ports = b""
    if quoted.sport and quoted.dport:
        word = (quoted.seq or 0) if quoted.proto != UDP else 0
        ports = struct.pack(">2HI", quoted.sport, quoted.dport, word & _MASK32)
    inner = replace(quoted, version=quoted.version or packet.version, proto=quoted.proto or _NO_PROTO)
    return header + _ip(inner, ports, len(ports))


def _icmp_length(packet: Printed, link: int | None) -> int:
    """Bytes of an ICMP message as printed, or by the frame's length; 0: neither is."""
    if packet.length is not None or packet.frame_len is None or link is None:
        return packet.length or 0
    return packet.frame_len - link - ip_header(packet)


def _options(packet: Printed, sacked_from: int) -> bytes:
    """The options printed, filled with NOPs to whole words (RFC 9293, 7323, 2018)."""
    parts = [struct.pack(">BBH", 2, 4, packet.mss & _MASK16)] if packet.mss else []
    parts += [b"\4\2"] if packet.sack_permitted else []
    if packet.timestamps:
        parts.append(struct.pack(">BB2I", 8, 10, *(value & _MASK32 for value in packet.timestamps)))
    parts += [bytes((3, 3, packet.scale & 0xFF))] if packet.scale is not None else []
    if packet.sacks:
        edges = [(sacked_from + edge) & _MASK32 for block in packet.sacks[:3] for edge in block]
        parts.append(struct.pack(f">BB{len(edges)}I", 5, 2 + 4 * len(edges), *edges))
    shown = b"".join(parts)[:40]
    return shown + b"\1" * (-len(shown) % 4)


def _tunnelled(packet: Printed, inner: bytes, rest: int) -> tuple[bytes, int]:
    """An outer frame around an inner packet of which `rest` bytes are not captured."""
    key = packet.vni & 0xFFFFFF
    match packet.tunnel:
        case "geneve":
            proto, header, frame = UDP, struct.pack(">BBHI", 0, 0, 0x6558, key << 8), _ethernet(packet)
        case "vxlan":
            proto, header, frame = UDP, struct.pack(">BBHI", 8, 0, 0, key << 8), _ethernet(packet)
        case "gre":
            kind = 0x86DD if packet.version == _IPV6 else 0x0800
            proto, header, frame = 47, struct.pack(">HHI", 0x2000, kind, packet.vni & _MASK32), b""
        case _:
            proto, header, frame = (41 if packet.version == _IPV6 else 4), b"", b""
    inside = header + frame + inner
    if proto == UDP:
        port = 6081 if packet.tunnel == "geneve" else 4789
        inside = struct.pack(">4H", port, port, min(len(inside) + rest + 8, _MASK16), 0) + inside
    outer = Printed(line=packet.line, proto=proto, version=4, src=packet.outer[0], dst=packet.outer[1])
    return _ethernet(outer) + _ip(outer, inside, len(inside) + rest), rest
