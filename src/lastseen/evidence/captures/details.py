"""Decode chosen packets thoroughly: every header field a contrast may ask for, and both checksums.

The transport checksum is computed twice: over the IP length, which is right (RFC 1071, RFC 9293 3.1, RFC 768),
and over every byte present, which is what a validator computes that forgets to trim Ethernet padding.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.compiled import kernel
from lastseen.evidence.captures import headers as h
from lastseen.evidence.captures.bytes_of import ByteSource
from lastseen.evidence.captures.headers import u16, u32
from lastseen.evidence.captures.trailers import Trailer, trailer_of
from lastseen.tables import details as d
from lastseen.tables.details import COLUMNS, DetailRows
from lastseen.tables.packets import Capture

__all__ = ["read_details"]

_AT: Final = {name: index for index, name in enumerate(COLUMNS)}
# Kernels need each place as a constant of its own.
_FRAME_LEN: Final = _AT["frame_len"]
_ETH_SRC: Final = _AT["eth_src"]
_ETH_DST: Final = _AT["eth_dst"]
_VLAN: Final = _AT["vlan_id"]
_VERSION: Final = _AT["ip_version"]
_IP_HDR: Final = _AT["ip_hdr_len"]
_IP_LEN: Final = _AT["ip_len"]
_IP_ID: Final = _AT["ip_id"]
_TTL: Final = _AT["ip_ttl"]
_DS: Final = _AT["ip_dsfield"]
_DF: Final = _AT["ip_df"]
_FRAGMENT: Final = _AT["ip_fragment"]
_PROTO: Final = _AT["ip_proto"]
_SPORT: Final = _AT["src_port"]
_DPORT: Final = _AT["dst_port"]
_TCP_HDR: Final = _AT["tcp_hdr_len"]
_SEQ: Final = _AT["tcp_seq"]
_ACK: Final = _AT["tcp_ack"]
_FLAGS: Final = _AT["tcp_flags"]
_WINDOW: Final = _AT["tcp_window"]
_PAYLOAD: Final = _AT["payload_len"]
_MSS: Final = _AT["tcp_mss"]
_TS: Final = _AT["tcp_timestamps"]
_SACK: Final = _AT["tcp_sack_blocks"]
_PAD: Final = _AT["padding_len"]
_PAD_NONZERO: Final = _AT["padding_nonzero"]
_CHECKSUM: Final = _AT["checksum"]
_RESIDUAL: Final = _AT["untrimmed_residual"]
_TUNNEL: Final = _AT["tunnel"]
_KEY: Final = _AT["tunnel_key"]
_SRC: Final = _AT["ip_src"]
_DST: Final = _AT["ip_dst"]
_MF: Final = _AT["ip_mf"]
_OFFSET: Final = _AT["ip_frag_offset"]
_WSCALE: Final = _AT["tcp_wscale"]
_SACK_OK: Final = _AT["tcp_sack_permitted"]
_TSVAL: Final = _AT["tcp_tsval"]
_TSECR: Final = _AT["tcp_tsecr"]
_SACK_LEFT: Final = _AT["tcp_sack_left"]
_SACK_RIGHT: Final = _AT["tcp_sack_right"]
_FASTOPEN: Final = _AT["tcp_fastopen"]
_ICMP_TYPE: Final = _AT["icmp_type"]
_ICMP_CODE: Final = _AT["icmp_code"]
_ICMP_MTU: Final = _AT["icmp_mtu"]
_QSRC: Final = _AT["quoted_src"]
_QDST: Final = _AT["quoted_dst"]
_QSPORT: Final = _AT["quoted_src_port"]
_QDPORT: Final = _AT["quoted_dst_port"]
_QSEQ: Final = _AT["quoted_seq"]
_QID: Final = _AT["quoted_ip_id"]
_HEAD: Final = _AT["payload_head"]
_QTYPE: Final = _AT["dns_qtype"]
_OUTER_PORT: Final = _AT["outer_src_port"]
_OUTER_CHECKSUM: Final = _AT["outer_checksum"]
_ARP_OP: Final = _AT["arp_op"]
_ARP_MAC: Final = _AT["arp_sender_mac"]
_LINE: Final = _AT["payload_line"]
_TLS: Final = _AT["tls_last"]

_ABSENT: Final = np.zeros(len(COLUMNS), np.int64)
"""A packet of which nothing is known but its length."""
_ABSENT[
    [
        _ETH_SRC,
        _ETH_DST,
        _VLAN,
        _IP_ID,
        _RESIDUAL,
        _SRC,
        _DST,
        _WSCALE,
        _TSVAL,
        _TSECR,
        _SACK_LEFT,
        _SACK_RIGHT,
        _FASTOPEN,
        _ICMP_TYPE,
        _ICMP_CODE,
        _ICMP_MTU,
        _QSRC,
        _QDST,
        _QSPORT,
        _QDPORT,
        _QSEQ,
        _QID,
        _QTYPE,
        _OUTER_PORT,
        _ARP_MAC,
        _LINE,
        _TLS,
    ]
] = -1

_ICMP, _TCP, _UDP, _ICMP6 = 1, 6, 17, 58
_IPV6_BIT: Final = 1 << 62
"""Keeps digests of IPv6 addresses apart from IPv4 addresses."""
_FNV_START: Final = np.uint64(0xCBF29CE484222325)
_FNV_PRIME: Final = np.uint64(0x100000001B3)
_FNV_KEPT: Final = np.uint64((1 << 62) - 1)
_LONGEST_RECORD: Final = (1 << 14) + 256
_TAB, _LINE_FEED, _SPACE, _DELETE = 0x09, 0x0A, 0x20, 0x7F
MOST_LABELS: Final = 64
"""A DNS name of 255 bytes has at most 127 labels (RFC 1035, 2.3.4); names that are asked for have a few."""


def read_details(
    source: ByteSource, capture: Capture, rows: npt.NDArray[np.int64], trailer: Trailer | None = None
) -> DetailRows:
    """Decode the packets at `rows` (int64[k], row numbers of `capture`) again from its bytes, in that order.

    `trailer`: what `trailer_of` found, which looks at all packets; None: look now.
    """
    result = np.tile(_ABSENT, (len(rows), 1))
    if not len(rows):
        return result
    lengths = capture.lengths[rows].astype(np.int64)
    places = zip(capture.offsets[rows].tolist(), lengths[:, 0].tolist(), strict=True)
    pieces = [source.piece(offset, captured) for offset, captured in places]
    ends = np.cumsum([len(piece) for piece in pieces])
    known = trailer or trailer_of(source, capture)
    _decode_all(
        np.frombuffer(bytearray(b"".join(pieces)), np.uint8),
        ends,
        lengths.max(axis=1),
        _link_types(capture, rows),
        known.length,
        result,
    )
    result[:, 0] = rows + 1
    return result


def _link_types(capture: Capture, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """int64[k]: the link type each packet was captured with, by its flow's interface."""
    kinds = np.array([face.link_type for face in capture.interfaces] or [h.ETHERNET_LINK], np.int64)
    if len(kinds) == 1 or not len(capture.flows):
        return np.full(len(rows), kinds[0])
    flows = capture.packets[rows, 2] >> 1
    known = flows < len(capture.flows)
    interface = capture.flows[np.where(known, flows, 0), 9] >> 16
    return kinds[np.where(known & (interface < len(kinds)), interface, 0)]


@kernel
def _sum(buf, start, stop):
    """Ones'-complement sum of the bytes as big-endian 16-bit words, an odd last byte padded with zero."""
    total, p = np.int64(0), start
    while p + 1 < stop:
        total += u16(buf, p)
        p += 2
    if p < stop:
        total += np.int64(buf[p]) << 8
    return total


@kernel
def _pseudo(buf, found):
    """Sum of the pseudo header's addresses and protocol, without the length."""
    ip = found[h.IP]
    if found[h.VERSION] == 4:
        return _sum(buf, ip + 12, ip + 20) + found[h.PROTO]
    return _sum(buf, ip + 8, ip + 40) + found[h.PROTO]


@kernel
def _fold(total):
    """A sum folded to 16 bits, 0xFFFF kept apart from 0."""
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


@kernel
def _checksums(buf, end, found, out):
    """The state of the transport checksum and the untrimmed residual into `out`."""
    proto, l4, ip_end, space_end = found[h.PROTO], found[h.L4], found[h.IP_END], found[h.SPACE_END]
    out[_CHECKSUM], out[_RESIDUAL] = d.CHECKSUM_UNKNOWN, -1
    if not (proto == _TCP or proto == _UDP or proto == _ICMP6) or found[h.FRAGMENT] or ip_end > end:
        return
    length = ip_end - l4
    if length < 8 or (proto == _TCP and length < 20):
        return
    place = 16 if proto == _TCP else (6 if proto == _UDP else 2)
    field = u16(buf, l4 + place)
    if proto == _UDP and field == 0:
        return
    pseudo = _pseudo(buf, found)
    data = _sum(buf, l4, ip_end)
    if _fold(pseudo + length + data) == 0xFFFF:
        out[_CHECKSUM] = d.CHECKSUM_GOOD
    elif _fold(pseudo + length) == field:
        out[_CHECKSUM] = d.CHECKSUM_PARTIAL
    else:
        out[_CHECKSUM] = d.CHECKSUM_BAD
    if space_end <= end:
        out[_RESIDUAL] = (pseudo + (space_end - l4) + _sum(buf, l4, space_end)) % 65535


@kernel
def _option(buf, p, size, out):
    """One TCP option (RFC 9293, 7323, 2018, 7413)."""
    kind = buf[p]
    if kind == 2 and size == 4:
        out[_MSS] = u16(buf, p + 2)
    elif kind == 3 and size == 3:
        out[_WSCALE] = buf[p + 2]
    elif kind == 4:
        out[_SACK_OK] = 1
    elif kind == 5:
        out[_SACK] = 1
        if size >= 10:
            out[_SACK_LEFT], out[_SACK_RIGHT] = u32(buf, p + 2), u32(buf, p + 6)
    elif kind == 8:
        out[_TS] = 1
        if size == 10:
            out[_TSVAL], out[_TSECR] = u32(buf, p + 2), u32(buf, p + 6)
    elif kind == 34:
        out[_FASTOPEN] = size - 2


@kernel
def _tcp(buf, end, l4, ip_end, out):
    """The TCP header's fields and options."""
    header = max(np.int64(buf[l4 + 12] >> 4) * 4, 20)
    out[_TCP_HDR], out[_SEQ], out[_ACK] = header, u32(buf, l4 + 4), u32(buf, l4 + 8)
    out[_FLAGS], out[_WINDOW], out[_PAYLOAD] = buf[l4 + 13], u16(buf, l4 + 14), max(ip_end - l4 - header, 0)
    p, stop = l4 + 20, min(l4 + header, end)
    while p < stop and buf[p] != 0:
        if buf[p] == 1:
            p += 1
            continue
        size = np.int64(buf[p + 1]) if p + 1 < stop else 0
        if size < 2 or p + size > stop:
            break
        _option(buf, p, size, out)
        p += size


@kernel
def _mac(buf, p):
    """48 bits of a MAC address."""
    return (u32(buf, p) << 16) | u16(buf, p + 4)


@kernel
def _padding(buf, end, found, trailer, out):
    """How much padding follows the IP packet in its space, and whether any captured byte of it is not zero."""
    stop = found[h.SPACE_END] - (0 if found[h.DEPTH] else trailer)
    out[_PAD] = max(stop - found[h.IP_END], 0)
    for p in range(min(found[h.IP_END], end), min(stop, end)):
        if buf[p]:
            out[_PAD_NONZERO] = 1
            break


@kernel
def _address(buf, p, version):
    """An address as one number: IPv4 as it is, IPv6 as a digest."""
    if version == 4:
        return u32(buf, p)
    digest = _FNV_START
    for i in range(16):
        digest = (digest ^ np.uint64(buf[p + i])) * _FNV_PRIME
    return np.int64(digest & _FNV_KEPT) | _IPV6_BIT


@kernel
def _ip(buf, found, out):
    """The IP header's fields."""
    ip, version = found[h.IP], found[h.VERSION]
    out[_VERSION], out[_PROTO], out[_FRAGMENT] = version, found[h.PROTO], found[h.FRAGMENT]
    out[_IP_LEN], out[_IP_HDR], out[_IP_ID] = found[h.IP_END] - ip, found[h.L4] - ip, found[h.IP_ID]
    out[_OFFSET] = found[h.FRAGMENT_OFFSET]
    if version == 4:
        out[_TTL], out[_DS], out[_DF] = buf[ip + 8], buf[ip + 1], (buf[ip + 6] >> 6) & 1
        out[_MF] = (buf[ip + 6] >> 5) & 1
        out[_SRC], out[_DST] = _address(buf, ip + 12, 4), _address(buf, ip + 16, 4)
    else:
        out[_TTL], out[_DS], out[_DF] = buf[ip + 7], (u16(buf, ip) >> 4) & 0xFF, 1
        out[_MF] = buf[found[h.L4] - 5] & 1 if found[h.FRAGMENT] else 0  # its header ends the walk
        out[_SRC], out[_DST] = _address(buf, ip + 8, 6), _address(buf, ip + 24, 6)


@kernel
def _quoted(buf, p, end, out):
    """The packet that an ICMP error quotes (RFC 792, RFC 4443): at least its IP header and eight bytes."""
    version = buf[p] >> 4 if p < end else 0
    size = np.int64(buf[p] & 15) * 4 if version == 4 else 40
    if p + size > end or size < 20 or not (version == 4 or version == 6):
        return
    addresses = p + (12 if version == 4 else 8)
    out[_QSRC] = _address(buf, addresses, version)
    out[_QDST] = _address(buf, addresses + (4 if version == 4 else 16), version)
    out[_QID] = u16(buf, p + 4) if version == 4 else -1
    proto, l4 = np.int64(buf[p + 9] if version == 4 else buf[p + 6]), p + size
    if proto == h.AUTHENTICATION:
        proto, l4 = h.behind_authentication(buf, l4, end)
    if (proto == _TCP or proto == _UDP) and l4 + 8 <= end:
        out[_QSPORT], out[_QDPORT] = u16(buf, l4), u16(buf, l4 + 2)
        if proto == _TCP:
            out[_QSEQ] = u32(buf, l4 + 4)


@kernel
def _icmp(buf, end, found, out):
    """Type, code, the MTU it tells and the packet it quotes."""
    l4 = found[h.L4]
    kind, code = np.int64(buf[l4]), np.int64(buf[l4 + 1])
    out[_ICMP_TYPE], out[_ICMP_CODE] = kind, code
    if found[h.PROTO] == _ICMP:
        if kind == 3 and code == 4:
            out[_ICMP_MTU] = u16(buf, l4 + 6)
        if kind == 3 or kind == 4 or kind == 5 or kind == 11 or kind == 12:
            _quoted(buf, l4 + 8, end, out)
    elif kind < 128:
        if kind == 2:
            out[_ICMP_MTU] = u32(buf, l4 + 4)
        _quoted(buf, l4 + 8, end, out)


@kernel
def _line(buf, start, stop, ip_end):
    """The digest `payload_line` of the payload that begins at `start`, of which `stop` is the end as captured."""
    digest, spaces, is_text = _FNV_START, 0, True
    limit = min(ip_end, start + d.LINE_BYTES)
    for p in range(start, min(stop, limit)):
        is_text = is_text and (_SPACE <= buf[p] < _DELETE or buf[p] == _TAB)
        spaces += is_text and buf[p] == _SPACE
        if buf[p] == _LINE_FEED or spaces == 2:
            return np.int64(digest & _FNV_KEPT)
        digest = (digest ^ np.uint64(buf[p])) * _FNV_PRIME
    return np.int64(digest & _FNV_KEPT) if limit <= stop and start < limit else -1


@kernel
def _is_record(buf, p, stop):
    """Whether the header of a TLS record stands at `p`: type, SSL 3 to TLS 1.3, at most 2^14 + 256 bytes."""
    known = p + 5 <= stop and 20 <= buf[p] <= 23 and buf[p + 1] == 3 and buf[p + 2] <= 4
    return known and 0 < u16(buf, p + 3) <= _LONGEST_RECORD


@kernel
def _last_record(buf, start, stop):
    """`tls_last` of the payload from `start` to `stop`."""
    record, p = np.int64(-1), np.int64(start)
    while p < stop and _is_record(buf, p, stop):
        record, p = p, p + 5 + u16(buf, p + 3)
    if record < 0:
        for at in range(stop - 6, start - 1, -1):
            if _is_record(buf, at, stop) and at + 5 + u16(buf, at + 3) == stop:
                record, p = np.int64(at), np.int64(stop)
                break
    if record < 0 or p < stop:
        return np.int64(0)
    return (np.int64(buf[record]) << 40) | (np.int64(u16(buf, record + 3)) << 24) | (p - stop)


@kernel
def _payload(buf, end, ip_end, out, l4):
    """What the payload columns tell: first bytes, first line, last TLS record, what a DNS query asks for."""
    start = l4 + (out[_TCP_HDR] or 8)
    stop = min(ip_end, end)
    for i in range(7):
        out[_HEAD] = (out[_HEAD] << 8) | (np.int64(buf[start + i]) if start + i < stop else 0)
    out[_LINE] = _line(buf, start, stop, ip_end)
    if out[_TCP_HDR] and stop == ip_end:
        out[_TLS] = _last_record(buf, start, stop)
    if out[_SPORT] != 53 and out[_DPORT] != 53:
        return
    p = start + (14 if out[_TCP_HDR] else 12)
    for _ in range(MOST_LABELS):
        if p >= stop or buf[p] == 0 or buf[p] > 63:
            break
        p += 1 + np.int64(buf[p])
    if p + 3 <= stop and buf[p] == 0:
        out[_QTYPE] = u16(buf, p + 1)


@kernel
def _outer(buf, captured, found, out):
    """Source port and checksum state of the outermost tunnel header, where that is UDP."""
    ip = found[h.OUTER_IP]
    version = buf[ip] >> 4
    header = np.int64(buf[ip] & 15) * 4 if version == 4 else 40
    proto = buf[ip + 9] if version == 4 else buf[ip + 6]
    udp = ip + header
    if proto != _UDP or udp + 8 > captured:
        return
    out[_OUTER_PORT] = u16(buf, udp)
    field, length = u16(buf, udp + 6), u16(buf, udp + 4)
    if field == 0 or udp + length > captured or length < 8:
        return
    pseudo = _sum(buf, ip + (12 if version == 4 else 8), udp if version == 4 else ip + 40) + _UDP + length
    if _fold(pseudo + _sum(buf, udp, udp + length)) == 0xFFFF:
        out[_OUTER_CHECKSUM] = d.CHECKSUM_GOOD
    elif _fold(pseudo) == field:
        out[_OUTER_CHECKSUM] = d.CHECKSUM_PARTIAL
    else:
        out[_OUTER_CHECKSUM] = d.CHECKSUM_BAD


@kernel
def _arp(buf, start, captured, link_type, out):
    """An ARP packet for IPv4 over Ethernet (RFC 826); nothing where it is none."""
    if link_type == h.ETHERNET_LINK:
        p = start + 12
        if p + 2 <= captured and u16(buf, p) == 0x8100:
            p += 4
    elif link_type == h.SLL:
        p = start + 14
    else:
        return
    if p + 30 > captured or u16(buf, p) != 0x0806 or u16(buf, p + 4) != 0x0800 or buf[p + 6] != 6:
        return
    out[_ARP_OP], out[_ARP_MAC] = u16(buf, p + 8), _mac(buf, p + 10)
    out[_SRC], out[_DST] = u32(buf, p + 16), u32(buf, p + 26)
    if link_type == h.ETHERNET_LINK:
        out[_ETH_DST], out[_ETH_SRC] = _mac(buf, start), _mac(buf, start + 6)


@kernel
def _decode_all(data, ends, wire, link_types, trailer, out):
    """Packets that stand one behind the other in `data` into their detail rows; none sees the bytes of the next."""
    begin = 0
    for i in range(ends.size):
        packet = data[begin : ends[i]]
        _decode(packet, 0, packet.size, wire[i], link_types[i], trailer, out[i])
        begin = ends[i]


@kernel
def _decode(buf, start, captured, wire, link_type, trailer, out):
    """One packet at `buf[start:captured]` into its detail row, which holds `_ABSENT` so far."""
    found, inner = np.empty(h.PLACES, np.int64), np.empty(h.PLACES, np.int64)
    out[_FRAME_LEN] = wire
    if not h.locate(buf, start, captured, wire, link_type, found, inner):
        _arp(buf, start, captured, link_type, out)
        return
    l4, ip_end = found[h.L4], found[h.IP_END]
    if found[h.ETHERNET] >= 0:
        out[_ETH_DST], out[_ETH_SRC] = _mac(buf, found[h.ETHERNET]), _mac(buf, found[h.ETHERNET] + 6)
    out[_VLAN], out[_TUNNEL], out[_KEY] = found[h.VLAN], found[h.TUNNEL], found[h.VNI]
    if found[h.OUTER_IP] >= 0:
        _outer(buf, captured, found, out)
    _ip(buf, found, out)
    _padding(buf, captured, found, trailer, out)
    out[_PAYLOAD] = max(ip_end - l4, 0)
    if found[h.FRAGMENT] and found[h.FRAGMENT_OFFSET]:
        return
    proto = found[h.PROTO]
    if (proto == _TCP or proto == _UDP) and l4 + 8 <= captured:
        out[_SPORT], out[_DPORT] = u16(buf, l4), u16(buf, l4 + 2)
    if (proto == _ICMP or proto == _ICMP6) and l4 + 8 <= captured:
        _icmp(buf, captured, found, out)
    if found[h.FRAGMENT]:
        return
    if proto == _TCP and l4 + 20 <= captured:
        _tcp(buf, captured, l4, ip_end, out)
        _payload(buf, captured, ip_end, out, l4)
    elif proto == _UDP:
        out[_PAYLOAD] = max(ip_end - l4 - 8, 0)
        if l4 + 8 <= captured:
            _payload(buf, captured, ip_end, out, l4)
    _checksums(buf, captured, found, out)
