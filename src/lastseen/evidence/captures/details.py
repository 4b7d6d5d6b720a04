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
from lastseen.evidence.captures.trailers import trailer_of
from lastseen.tables import details as d
from lastseen.tables.details import COLUMNS, DetailRows
from lastseen.tables.packets import Capture

__all__ = ["read_details"]

_AT: Final = {name: index for index, name in enumerate(COLUMNS)}
_FRAME_LEN, _ETH_SRC, _ETH_DST, _VLAN = _AT["frame_len"], _AT["eth_src"], _AT["eth_dst"], _AT["vlan_id"]
_VERSION, _IP_HDR, _IP_LEN, _IP_ID, _TTL = (
    _AT["ip_version"],
    _AT["ip_hdr_len"],
    _AT["ip_len"],
    _AT["ip_id"],
    _AT["ip_ttl"],
)
_DS, _DF, _FRAGMENT, _PROTO = _AT["ip_dsfield"], _AT["ip_df"], _AT["ip_fragment"], _AT["ip_proto"]
_SPORT, _DPORT, _TCP_HDR, _SEQ, _ACK = (
    _AT["src_port"],
    _AT["dst_port"],
    _AT["tcp_hdr_len"],
    _AT["tcp_seq"],
    _AT["tcp_ack"],
)
_FLAGS, _WINDOW, _PAYLOAD, _MSS = _AT["tcp_flags"], _AT["tcp_window"], _AT["payload_len"], _AT["tcp_mss"]
_TS, _SACK, _PAD, _PAD_NONZERO = (
    _AT["tcp_timestamps"],
    _AT["tcp_sack_blocks"],
    _AT["padding_len"],
    _AT["padding_nonzero"],
)
_CHECKSUM, _RESIDUAL, _TUNNEL, _KEY = (
    _AT["checksum"],
    _AT["untrimmed_residual"],
    _AT["tunnel"],
    _AT["tunnel_key"],
)

_TCP, _UDP, _ICMP6 = 6, 17, 58


def read_details(source: ByteSource, capture: Capture, rows: npt.NDArray[np.int64]) -> DetailRows:
    """Decode the packets at `rows` (int64[k], row numbers of `capture`) again from its bytes, in that order."""
    result = np.zeros((len(rows), len(COLUMNS)), np.int64)
    link_types = _link_types(capture, rows)
    trailer = trailer_of(source, capture).length if len(rows) else 0
    for index, row in enumerate(rows):
        captured, wire = (int(value) for value in capture.lengths[row])
        data = np.frombuffer(bytearray(source.piece(int(capture.offsets[row]), captured)), np.uint8)
        _decode(data, 0, len(data), max(wire, captured), int(link_types[index]), trailer, result[index])
        result[index, 0] = row + 1
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
        if buf[p] == 2 and size == 4:
            out[_MSS] = u16(buf, p + 2)
        elif buf[p] == 5:
            out[_SACK] = 1
        elif buf[p] == 8:
            out[_TS] = 1
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
def _decode(buf, start, captured, wire, link_type, trailer, out):
    """One packet at `buf[start:captured]` into its detail row."""
    found, inner = np.empty(h.PLACES, np.int64), np.empty(h.PLACES, np.int64)
    out[_FRAME_LEN], out[_ETH_SRC], out[_ETH_DST], out[_VLAN], out[_IP_ID] = wire, -1, -1, -1, -1
    out[_RESIDUAL] = -1
    if not h.locate(buf, start, captured, wire, link_type, found, inner):
        return
    ip, l4, ip_end = found[h.IP], found[h.L4], found[h.IP_END]
    if found[h.ETHERNET] >= 0:
        out[_ETH_DST], out[_ETH_SRC] = _mac(buf, found[h.ETHERNET]), _mac(buf, found[h.ETHERNET] + 6)
    out[_VLAN], out[_TUNNEL], out[_KEY] = found[h.VLAN], found[h.TUNNEL], found[h.VNI]
    out[_VERSION], out[_PROTO], out[_FRAGMENT] = found[h.VERSION], found[h.PROTO], found[h.FRAGMENT]
    out[_IP_LEN], out[_IP_HDR], out[_IP_ID] = ip_end - ip, l4 - ip, found[h.IP_ID]
    if found[h.VERSION] == 4:
        out[_TTL], out[_DS], out[_DF] = buf[ip + 8], buf[ip + 1], (buf[ip + 6] >> 6) & 1
    else:
        out[_TTL], out[_DS], out[_DF] = buf[ip + 7], (u16(buf, ip) >> 4) & 0xFF, 1
    _padding(buf, captured, found, trailer, out)
    out[_PAYLOAD] = max(ip_end - l4, 0)
    if found[h.FRAGMENT]:
        return
    if (found[h.PROTO] == _TCP or found[h.PROTO] == _UDP) and l4 + 8 <= captured:
        out[_SPORT], out[_DPORT] = u16(buf, l4), u16(buf, l4 + 2)
    if found[h.PROTO] == _TCP and l4 + 20 <= captured:
        _tcp(buf, captured, l4, ip_end, out)
    elif found[h.PROTO] == _UDP:
        out[_PAYLOAD] = max(ip_end - l4 - 8, 0)
    _checksums(buf, captured, found, out)
