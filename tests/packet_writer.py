"""Write packets and captures for tests, by code of its own: nothing here comes from the decoder it tests.

Layers are functions, innermost first: `ethernet(ipv4("10.0.0.1", "10.0.0.2", tcp(1234, 443, flags="S")))`. What
stands above IP is a `Payload`, because its checksum needs the IP addresses; a tunnel is one too. Files are made
by `pcap` and by the blocks of `Pcapng`. A packet of a capture is `(time_ns, bytes)`.
"""

import ipaddress
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import zstandard

Checksum = Literal["right", "wrong", "partial", "zero"]
"""partial: what offload leaves, the sum of the pseudo-header only."""
Packet = tuple[int, bytes]

FLAG_BITS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16, "U": 32, "E": 64, "C": 128}


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """What an IP header carries. `checksum_at`: where its checksum stands, None when it has none to fill."""

    protocol: int
    data: bytes
    checksum_at: int | None = None
    checksum: Checksum = "right"
    pseudo: bool = True


def ones_sum(data: bytes) -> int:
    """The ones' complement sum of RFC 1071, not complemented."""
    padded = data + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total > 0xFFFF:
        total = (total >> 16) + (total & 0xFFFF)
    return total


def _carried(src: str, dst: str, payload: Payload) -> tuple[bytes, bytes]:
    """(both addresses, the payload's bytes with its checksum as asked for)."""
    one, other = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    addresses, size, at = one.packed + other.packed, len(payload.data), payload.checksum_at
    if at is None or payload.checksum == "zero":
        return addresses, payload.data
    lengths = (
        (">BBH", 0, payload.protocol, size & 0xFFFF) if one.version == 4 else (">II", size, payload.protocol)
    )
    pseudo = addresses + struct.pack(*lengths) if payload.pseudo else b""
    if payload.checksum == "partial":
        value = ones_sum(pseudo)
    else:
        value = ~ones_sum(pseudo + payload.data) & 0xFFFF
        value ^= 0x5555 if payload.checksum == "wrong" else 0
    return addresses, payload.data[:at] + struct.pack(">H", value) + payload.data[at + 2 :]


# ---- transport ----


def tcp(
    sport: int, dport: int, *, seq: int = 0, ack: int = 0, flags: str = "A", window: int = 502,
    options: bytes = b"", data: bytes = b"", checksum: Checksum = "right",
) -> Payload:  # fmt: skip
    """A TCP segment; `flags` are tcpdump's letters, `options` are padded to whole words with NOP."""
    options += b"\1" * (-len(options) % 4)
    bits = sum(FLAG_BITS[letter] for letter in flags)
    header = struct.pack(
        ">HHIIBBHHH", sport, dport, seq, ack, (5 + len(options) // 4) << 4, bits, window, 0, 0
    )
    return Payload(protocol=6, data=header + options + data, checksum_at=16, checksum=checksum)


def mss(value: int) -> bytes:
    """Maximum segment size option."""
    return struct.pack(">BBH", 2, 4, value)


def window_scale(shift: int) -> bytes:
    """Window scale option."""
    return bytes((3, 3, shift))


def sack_permitted() -> bytes:
    """SACK permitted option."""
    return bytes((4, 2))


def sack(*blocks: tuple[int, int]) -> bytes:
    """SACK option with these blocks."""
    return bytes((5, 2 + 8 * len(blocks))) + b"".join(struct.pack(">II", *block) for block in blocks)


def timestamps(value: int, echo: int) -> bytes:
    """Timestamp option behind two NOP, as Linux writes it."""
    return struct.pack(">BBBBII", 1, 1, 8, 10, value, echo)


def udp(
    sport: int, dport: int, data: bytes = b"", *, length: int | None = None, checksum: Checksum = "right"
) -> Payload:
    """A UDP datagram; `length` overrides the header's."""
    header = struct.pack(">HHHH", sport, dport, 8 + len(data) if length is None else length, 0)
    return Payload(protocol=17, data=header + data, checksum_at=6, checksum=checksum)


def icmp(kind: int, code: int = 0, *, rest: bytes = b"\0\1\0\1", data: bytes = b"") -> Payload:
    """ICMP; `rest` is the header's last four bytes (identifier and sequence of an echo)."""
    return Payload(
        protocol=1, data=struct.pack(">BBH", kind, code, 0) + rest + data, checksum_at=2, pseudo=False
    )


def icmp6(kind: int, code: int = 0, *, rest: bytes = b"\0\1\0\1", data: bytes = b"") -> Payload:
    """ICMPv6."""
    return Payload(protocol=58, data=struct.pack(">BBH", kind, code, 0) + rest + data, checksum_at=2)


def crc32c(data: bytes) -> int:
    """The CRC of SCTP (RFC 9260, appendix A)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def sctp(sport: int, dport: int, chunks: bytes = b"", *, tag: int = 1) -> Payload:
    """SCTP's common header and chunks."""
    header = struct.pack(">HHI", sport, dport, tag)
    crc = struct.pack("<I", crc32c(header + bytes(4) + chunks))
    return Payload(protocol=132, data=header + crc + chunks)


# ---- IP ----


def ipv4(
    src: str, dst: str, payload: Payload, *, identification: int = 0, ttl: int = 64, tos: int = 0,
    options: bytes = b"", dont_fragment: bool = True, total_length: int | None = None,
) -> bytes:  # fmt: skip
    """An IPv4 packet; `total_length` overrides the header's (0: what TSO leaves to the card)."""
    addresses, data = _carried(src, dst, payload)
    fragment = 0x4000 if dont_fragment else 0
    return _ipv4_header(
        addresses, len(data), payload.protocol, identification, fragment, ttl, tos, options, total_length
    ) + data  # fmt: skip


def _ipv4_header(
    addresses: bytes, size: int, protocol: int, identification: int, fragment: int, ttl: int = 64, tos: int = 0,
    options: bytes = b"", total_length: int | None = None,
) -> bytes:  # fmt: skip
    options += b"\0" * (-len(options) % 4)
    words = 5 + len(options) // 4
    total = 4 * words + size if total_length is None else total_length
    first = struct.pack(
        ">BBHHHBB", 0x40 | words, tos, total & 0xFFFF, identification, fragment, ttl, protocol
    )
    checksum = ~ones_sum(first + addresses + options) & 0xFFFF
    return first + struct.pack(">H", checksum) + addresses + options


def ipv4_fragments(src: str, dst: str, payload: Payload, *, size: int, identification: int) -> list[bytes]:
    """The packet cut into fragments of `size` bytes (a multiple of 8)."""
    addresses, data = _carried(src, dst, payload)
    pieces = []
    for at in range(0, len(data), size):
        piece, more = data[at : at + size], 0x2000 if at + size < len(data) else 0
        header = _ipv4_header(addresses, len(piece), payload.protocol, identification, more | at // 8)
        pieces.append(header + piece)
    return pieces


def ipv6(
    src: str, dst: str, payload: Payload, *, extensions: Sequence[tuple[int, bytes]] = (), hop_limit: int = 64,
    traffic_class: int = 0, flow_label: int = 0, payload_length: int | None = None,
) -> bytes:  # fmt: skip
    """An IPv6 packet; `extensions` are (header number, bytes whose first byte is filled in here)."""
    addresses, data = _carried(src, dst, payload)
    following = payload.protocol
    for number, extension in reversed(extensions):
        data, following = bytes((following,)) + extension[1:] + data, number
    length = len(data) if payload_length is None else payload_length
    first = 6 << 28 | traffic_class << 20 | flow_label
    return struct.pack(">IHBB", first, length, following, hop_limit) + addresses + data


def authentication(src: str, dst: str, payload: Payload, *, icv_bytes: int = 12) -> Payload:
    """The payload behind an authentication header (RFC 4302, 2); `icv_bytes`: a multiple of 4."""
    _, data = _carried(src, dst, payload)
    head = struct.pack(">BBHII", payload.protocol, 1 + icv_bytes // 4, 0, 0x1001, 7) + b"\xa5" * icv_bytes
    return Payload(protocol=51, data=head + data)


def extension(words: int = 0) -> bytes:
    """A hop-by-hop, destination or routing header of 8 + 8 `words` bytes, filled with PadN."""
    return bytes((0, words, 1, 4 + 8 * words)) + bytes(4 + 8 * words)


def fragment_header(offset: int, *, more: bool, identification: int) -> bytes:
    """An IPv6 fragment header; `offset` in bytes."""
    return struct.pack(">BBHI", 0, 0, offset | more, identification)


def ipv6_fragments(src: str, dst: str, payload: Payload, *, size: int, identification: int) -> list[bytes]:
    """The packet cut into fragments of `size` bytes (a multiple of 8)."""
    _, data = _carried(src, dst, payload)
    pieces = []
    for at in range(0, len(data), size):
        header = fragment_header(at, more=at + size < len(data), identification=identification)
        piece = Payload(protocol=payload.protocol, data=data[at : at + size])
        pieces.append(ipv6(src, dst, piece, extensions=[(44, header)]))
    return pieces


def ip(src: str, dst: str, payload: Payload, *, identification: int = 0) -> bytes:
    """IPv4 or IPv6, as the addresses ask; the identification is the flow label of IPv6."""
    if ":" in src:
        return ipv6(src, dst, payload, flow_label=identification)
    return ipv4(src, dst, payload, identification=identification)


# ---- tunnels: the Payload that carries `inner` ----


def _ethertype(packet: bytes) -> int:
    return 0x86DD if packet[0] >> 4 == 6 else 0x0800


def geneve(
    inner: bytes, *, vni: int, kind: int = 0x6558, options: bytes = b"", sport: int = 50000
) -> Payload:
    """Geneve over UDP (RFC 8926); `inner` is an Ethernet frame unless `kind` says otherwise."""
    return udp(
        sport,
        6081,
        struct.pack(">BBHI", len(options) // 4, 0, kind, vni << 8) + options + inner,
        checksum="zero",
    )


def vxlan(inner: bytes, *, vni: int, port: int = 4789, sport: int = 50000) -> Payload:
    """VXLAN over UDP (RFC 7348)."""
    return udp(sport, port, struct.pack(">II", 0x08000000, vni << 8) + inner, checksum="zero")


def vxlan_gpe(inner: bytes, *, vni: int, following: int = 1) -> Payload:
    """VXLAN-GPE; `following` 1: IPv4, 2: IPv6, 3: Ethernet."""
    return udp(50000, 4790, struct.pack(">II", 0x0C000000 | following, vni << 8) + inner, checksum="zero")


def gre(
    inner: bytes, *, kind: int | None = None, key: int | None = None, sequence: int | None = None,
    checksum: bool = False,
) -> Payload:  # fmt: skip
    """GRE (RFC 2784, 2890); `kind` 0x6558 for an Ethernet frame, None for the IP packet `inner` is."""
    kind = _ethertype(inner) if kind is None else kind
    flags = checksum << 15 | (key is not None) << 13 | (sequence is not None) << 12
    optional = b"".join(struct.pack(">I", value) for value in (key, sequence) if value is not None)
    head = struct.pack(">HH", flags, kind)
    if checksum:
        value = ~ones_sum(head + bytes(4) + optional + inner) & 0xFFFF
        head += struct.pack(">HH", value, 0)
    return Payload(protocol=47, data=head + optional + inner)


def erspan2(inner: bytes, *, session: int) -> Payload:
    """ERSPAN type II: GRE with a sequence number and 8 bytes before the frame."""
    return gre(struct.pack(">HHI", 1 << 12, session, 0) + inner, kind=0x88BE, sequence=1)


def erspan3(inner: bytes, *, session: int, platform: bool = False) -> Payload:
    """ERSPAN type III: 12 bytes before the frame, 8 more with the platform header."""
    head = struct.pack(">HHIHH", 2 << 12, session, 0, 0, int(platform)) + bytes(8 * platform)
    return gre(head + inner, kind=0x22EB, sequence=1)


def ip_in_ip(inner: bytes) -> Payload:
    """IPv4 in IP (IPIP) or IPv6 in IP (SIT)."""
    return Payload(protocol=41 if inner[0] >> 4 == 6 else 4, data=inner)


def gtpu(
    inner: bytes, *, teid: int, sequence: int | None = None, extensions: Sequence[tuple[int, bytes]] = ()
) -> Payload:
    """GTP-U over UDP; `extensions` are (type, content of 4 n - 2 bytes)."""
    flags = 0x30 | (0x02 if sequence is not None else 0) | (0x04 if extensions else 0)
    optional = b""
    if flags & 7:
        types = [kind for kind, _ in extensions] + [0]
        optional = struct.pack(">HBB", sequence or 0, 0, types[0])
        for (_, content), following in zip(extensions, types[1:], strict=True):
            optional += bytes(((len(content) + 2) // 4,)) + content + bytes((following,))
    data = struct.pack(">BBHI", flags, 255, len(optional) + len(inner), teid) + optional + inner
    return udp(2152, 2152, data)


# ---- links ----

MAC_A, MAC_B = bytes.fromhex("02000000000a"), bytes.fromhex("02000000000b")


def ethernet(
    packet: bytes, *, kind: int | None = None, tags: Sequence[tuple[int, int]] = (), pad_to: int = 0,
    trailer: bytes = b"", src: bytes = MAC_A, dst: bytes = MAC_B,
) -> bytes:  # fmt: skip
    """An Ethernet frame; `tags` are (TPID, VLAN), outermost first; padded with zeros to `pad_to`, then `trailer`."""
    kind = _ethertype(packet) if kind is None else kind
    head = dst + src + b"".join(struct.pack(">HH", *tag) for tag in tags) + struct.pack(">H", kind)
    return (head + packet).ljust(pad_to, b"\0") + trailer


def llc_snap(packet: bytes, *, kind: int | None = None) -> bytes:
    """LLC and SNAP before the packet."""
    return (
        bytes.fromhex("aaaa03000000")
        + struct.pack(">H", _ethertype(packet) if kind is None else kind)
        + packet
    )


def ethernet_snap(packet: bytes) -> bytes:
    """An IEEE 802.3 frame: length, LLC, SNAP."""
    body = llc_snap(packet)
    return MAC_B + MAC_A + struct.pack(">H", len(body)) + body


def mpls(packet: bytes, *labels: int) -> bytes:
    """The packet behind MPLS labels, outermost first."""
    last = len(labels) - 1
    return (
        b"".join(struct.pack(">I", label << 12 | (i == last) << 8 | 64) for i, label in enumerate(labels))
        + packet
    )


def ppp(packet: bytes, *, address: bool = True, short: bool = False) -> bytes:
    """PPP; `short`: the protocol in one byte."""
    protocol = 0x57 if packet[0] >> 4 == 6 else 0x21
    return (b"\xff\x03" if address else b"") + protocol.to_bytes(1 if short else 2) + packet


def pppoe(packet: bytes, *, session: int = 7) -> bytes:
    """PPPoE session header and PPP; Ethertype 0x8864."""
    body = ppp(packet, address=False)
    return struct.pack(">BBHH", 0x11, 0, session, len(body)) + body


def provider_backbone(frame: bytes, *, isid: int = 5) -> bytes:
    """The 802.1ah I-TAG and the customer's frame; Ethertype 0x88E7."""
    return struct.pack(">I", isid) + frame


def sll(packet: bytes) -> bytes:
    """Linux cooked v1."""
    return struct.pack(">HHH", 0, 1, 6) + MAC_A + b"\0\0" + struct.pack(">H", _ethertype(packet)) + packet


def sll2(packet: bytes, *, interface: int = 2) -> bytes:
    """Linux cooked v2."""
    return struct.pack(">HHIHBB", _ethertype(packet), 0, interface, 1, 0, 6) + MAC_A + b"\0\0" + packet


def null(packet: bytes, *, big_endian: bool = False) -> bytes:
    """BSD loopback, in the byte order of the writer; `big_endian` is LOOP."""
    return struct.pack(">I" if big_endian else "<I", 24 if packet[0] >> 4 == 6 else 2) + packet


def wifi(packet: bytes, *, qos: bool = False, four_addresses: bool = False, encrypted: bool = False) -> bytes:
    """An 802.11 data frame to the access point."""
    flags = (0x03 if four_addresses else 0x01) | (0x40 if encrypted else 0)
    head = bytes((0x88 if qos else 0x08, flags)) + b"\0\0" + MAC_B + MAC_A + MAC_B + b"\0\0"
    return head + (MAC_A if four_addresses else b"") + (b"\0\0" if qos else b"") + llc_snap(packet)


def radiotap(frame: bytes, *, length: int = 8) -> bytes:
    """A radiotap header without fields before an 802.11 frame."""
    return struct.pack("<BBHI", 0, 0, length, 0).ljust(length, b"\0") + frame


def nflog(packet: bytes, *, big_endian: bool = False) -> bytes:
    """NFLOG: prefix attribute, then the payload attribute."""
    order = ">" if big_endian else "<"
    attribute = struct.pack(order + "HH", 4 + 5, 10) + b"drop\0" + bytes(3)
    family = 10 if packet[0] >> 4 == 6 else 2
    return bytes((family, 0, 0, 1)) + attribute + struct.pack(order + "HH", 4 + len(packet), 9) + packet


def pflog(packet: bytes) -> bytes:
    """OpenBSD's pflog header: length, family, action, reason, names, numbers, direction; padded to whole words."""
    family = 24 if packet[0] >> 4 == 6 else 2
    head = struct.pack(">BBBB16s16sIIIiIiB", 61, family, 1, 0, b"em0", b"", 3, 0xFFFFFFFF, 0, 0, 0, 0, 1)
    return head + bytes(3) + packet


# ---- files ----


def pcap(
    packets: Iterable[Packet], *, link_type: int = 1, big_endian: bool = False, nanoseconds: bool = False,
    snap_length: int = 262144,
) -> bytes:  # fmt: skip
    """A pcap file; packets longer than the snap length are cut."""
    order, unit = ">" if big_endian else "<", 1 if nanoseconds else 1000
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snap_length, link_type)]
    for time_ns, data in packets:
        kept, (seconds, below) = data[:snap_length], divmod(time_ns, 1_000_000_000)
        out.append(struct.pack(order + "IIII", seconds, below // unit, len(kept), len(data)) + kept)
    return b"".join(out)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pcapng:
    """Blocks of pcapng in one byte order; a file is their concatenation, a section first."""

    big_endian: bool = False

    def pack(self, layout: str, *values: int) -> bytes:
        """`struct.pack` in this byte order."""
        return struct.pack((">" if self.big_endian else "<") + layout, *values)

    def block(self, kind: int, body: bytes) -> bytes:
        """Any block."""
        body += bytes(-len(body) % 4)
        size = self.pack("I", len(body) + 12)
        return self.pack("I", kind) + size + body + size

    def options(self, values: Sequence[tuple[int, bytes]]) -> bytes:
        """Options with their end."""
        if not values:
            return b""
        packed = [
            self.pack("HH", code, len(value)) + value + bytes(-len(value) % 4) for code, value in values
        ]
        return b"".join(packed) + bytes(4)

    def section(self, *, comment: str = "") -> bytes:
        """Section header block."""
        body = self.pack("IHHq", 0x1A2B3C4D, 1, 0, -1)
        return self.block(0x0A0D0D0A, body + self.options([(1, comment.encode())] if comment else []))

    def interface(
        self, *, link_type: int = 1, snap_length: int = 262144, name: str = "", resolution: int | None = None,
        offset_s: int | None = None, filter_text: str = "",
    ) -> bytes:  # fmt: skip
        """Interface description block; `resolution` is the byte of if_tsresol."""
        values = [(2, name.encode())] if name else []
        values += [(9, bytes((resolution,)))] if resolution is not None else []
        values += [(11, b"\0" + filter_text.encode())] if filter_text else []
        values += [(14, self.pack("q", offset_s))] if offset_s is not None else []
        return self.block(1, self.pack("HHI", link_type, 0, snap_length) + self.options(values))

    def packet(
        self, ticks: int, data: bytes, *, interface: int = 0, wire: int | None = None, comment: str = ""
    ) -> bytes:
        """Enhanced packet block; `ticks` in the interface's unit."""
        head = self.pack(
            "IIIII",
            interface,
            ticks >> 32,
            ticks & 0xFFFFFFFF,
            len(data),
            len(data) if wire is None else wire,
        )
        tail = self.options([(1, comment.encode())] if comment else [])
        return self.block(6, head + data + bytes(-len(data) % 4) + tail)

    def simple_packet(self, data: bytes, *, wire: int | None = None) -> bytes:
        """Simple packet block: no time, the section's first interface."""
        return self.block(3, self.pack("I", len(data) if wire is None else wire) + data)

    def obsolete_packet(self, ticks: int, data: bytes, *, interface: int = 0) -> bytes:
        """Packet block of the first drafts."""
        head = self.pack("HHIIII", interface, 0, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data))
        return self.block(2, head + data)

    def statistics(
        self, ticks: int, *, interface: int = 0, start: int | None = None, end: int | None = None,
        if_drop: int | None = None, os_drop: int | None = None,
    ) -> bytes:  # fmt: skip
        """Interface statistics block; times in ticks of the interface."""
        times = [(code, self._ticks(value)) for code, value in ((2, start), (3, end)) if value is not None]
        drops = [
            (code, self.pack("Q", value)) for code, value in ((5, if_drop), (7, os_drop)) if value is not None
        ]
        return self.block(5, self.pack("I", interface) + self._ticks(ticks) + self.options(times + drops))

    def _ticks(self, value: int) -> bytes:
        return self.pack("II", value >> 32, value & 0xFFFFFFFF)


def zstandardized(data: bytes) -> bytes:
    """A zstd file of one frame, with a checksum as the zstd program writes it."""
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)
