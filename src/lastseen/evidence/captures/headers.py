"""Walk a packet's headers from the link layer to the innermost transport header.

One table-driven walk serves both readers of a packet: the fast one that sees every packet and the thorough one
that is asked about a few. The innermost IP header decides what the packet is; a tunnel whose inside is no IP
packet leaves the outer one in place.

Layouts: Ethernet and 802.1Q (IEEE 802.3, 802.1Q), Linux cooked (tcpdump.org linktypes LINKTYPE_LINUX_SLL, _SLL2),
IPv4 (RFC 791), IPv6 (RFC 8200, 2675), authentication header (RFC 4302), GRE (RFC 2784, 2890), Geneve
(RFC 8926), VXLAN (RFC 7348), VXLAN-GPE (draft-ietf-nvo3-vxlan-gpe), GTP-U (3GPP TS 29.281),
ERSPAN (draft-foschiano-erspan), MPLS (RFC 3032),
PPPoE (RFC 2516), 802.1ah (IEEE 802.1ah), PPP (RFC 1661, 1662), 802.11 (IEEE 802.11), radiotap (radiotap.org),
NFLOG (tcpdump.org linktypes LINKTYPE_NFLOG), pflog (OpenBSD pflog(4), LINKTYPE_PFLOG: its first byte is its length),
VN-Tag (IEEE 802.1BR E-TAG's forerunner, Ethertype 0x8926).
"""

from typing import Final

import numpy as np

from lastseen.compiled import packet_kernel
from lastseen.evidence.captures.kernels import Bytes, Integer, Numbers

__all__ = ["LINK_TYPES", "PLACES", "locate"]

# ---- what the walk finds, one int64 each ----
IP: Final = 0
"""Offset of the innermost IP header; -1: none."""
VERSION: Final = 1
PROTO: Final = 2
"""The transport protocol; for a later fragment still the datagram's protocol."""
L4: Final = 3
"""Offset of the transport header (of the fragment's bytes for a fragment)."""
IP_END: Final = 4
"""Where the innermost IP packet ends on the wire by its own length; may lie beyond the captured bytes."""
SPACE_END: Final = 5
"""Where the space around it ends on the wire: the frame, or the tunnel's payload. SPACE_END - IP_END is padding."""
TUNNEL: Final = 6
DEPTH: Final = 7
VNI: Final = 8
OUTER_IP: Final = 9
"""Offset of the outermost IP header when there is a tunnel; -1 otherwise."""
ETHERNET: Final = 10
"""Offset of the innermost Ethernet header; -1: none."""
VLAN: Final = 11
"""The innermost 802.1Q tag's VLAN identifier; -1: untagged."""
FRAGMENT: Final = 12
"""1: a fragment."""
FRAGMENT_OFFSET: Final = 13
"""Bytes."""
INTERFACE_INDEX: Final = 14
"""The interface's index of a cooked v2 header; 0 otherwise."""
PROBLEM: Final = 15
"""Nonzero: a header contradicts itself."""
NO_LENGTH: Final = 16
"""1: the IP total length was 0 and the frame's length was taken (TSO, BIG TCP)."""
IP_ID: Final = 17
"""IPv4 identification, or of an IPv6 fragment header; -1: none."""
PLACES: Final = 18
"""How many."""

# ---- link types (tcpdump.org/linktypes.html) that can be read ----
NULL, ETHERNET_LINK, RAW_BSD, RAW, LOOP, SLL, IPV4_LINK, IPV6_LINK, SLL2 = (
    0,
    1,
    12,
    101,
    108,
    113,
    228,
    229,
    276,
)
PPP, RAW_OPENBSD, PPP_HDLC, PPP_ETHERNET, WIFI, PFLOG, RADIOTAP, NFLOG = 9, 14, 50, 51, 105, 117, 127, 239
LINK_TYPES: Final = {
    NULL: "BSD loopback",
    ETHERNET_LINK: "Ethernet",
    PPP: "PPP",
    RAW_BSD: "raw IP",
    RAW_OPENBSD: "raw IP",
    PPP_HDLC: "PPP or Cisco HDLC",
    PPP_ETHERNET: "PPP over Ethernet",
    RAW: "raw IP",
    WIFI: "802.11",
    LOOP: "OpenBSD loopback",
    SLL: "Linux cooked v1",
    PFLOG: "pflog",
    RADIOTAP: "802.11 with radiotap",
    IPV4_LINK: "raw IPv4",
    IPV6_LINK: "raw IPv6",
    NFLOG: "NFLOG",
    SLL2: "Linux cooked v2",
}

# ---- what the next bytes are ----
_STOP, _ETHERNET, _IP = -1, -2, -3
"""Negative: a kind of its own; otherwise the next header's Ethertype."""

TUNNEL_GENEVE, TUNNEL_VXLAN, TUNNEL_GRE, TUNNEL_IPIP, TUNNEL_ERSPAN, TUNNEL_GTPU = 1, 2, 3, 4, 5, 6
AUTHENTICATION: Final = 51
"""The IP protocol of the authentication header (AH)."""
TUNNEL_PORTS: Final = (2152, 4789, 4790, 6081, 8472)
"""UDP ports of what is unwrapped: GTP-U, VXLAN, VXLAN-GPE, Geneve (IANA), and VXLAN where Linux had it first."""
_1, _2, _3 = np.uint64(1), np.uint64(2), np.uint64(3)
MAX_DEPTH: Final = 4
MAX_TAGS: Final = 8
"""More VLAN tags, MPLS labels or extension headers than this are no real packet; the walk ends."""
MAX_ATTRIBUTES: Final = 64
"""NFLOG writes about a dozen attributes before the packet."""


@packet_kernel
def u16(buf: Bytes, p: Integer) -> Integer:
    """Big-endian 16 bits at `p`."""
    q = np.uint64(p)  # an unsigned index spares the test for a negative one
    return (np.int64(buf[q]) << 8) | np.int64(buf[q + _1])


@packet_kernel
def u32(buf: Bytes, p: Integer) -> Integer:
    """Big-endian 32 bits at `p`."""
    q = np.uint64(p)
    return (
        (np.int64(buf[q]) << 24)
        | (np.int64(buf[q + _1]) << 16)
        | (np.int64(buf[q + _2]) << 8)
        | np.int64(buf[q + _3])
    )


@packet_kernel
def _link(buf: Bytes, p: Integer, end: Integer, link_type: Integer, found: Numbers) -> Integer:
    """(kind of what follows, where it starts) after the link-layer header."""
    if link_type == ETHERNET_LINK:
        return _ETHERNET, p
    if link_type == SLL:
        return (u16(buf, p + 14), p + 16) if p + 16 <= end else (_STOP, p)
    if link_type == SLL2:
        if p + 20 > end:
            return _STOP, p
        found[INTERFACE_INDEX] = u32(buf, p + 4)
        return u16(buf, p), p + 20
    if link_type == NULL or link_type == LOOP:
        return (_IP, p + 4) if p + 4 <= end else (_STOP, p)
    if link_type == PPP or link_type == PPP_HDLC:
        return _ppp(buf, p, end)
    if link_type == PPP_ETHERNET:
        return _pppoe(buf, p, end)
    if link_type == WIFI:
        return _wifi(buf, p, end)
    if link_type == RADIOTAP:
        size = np.int64(buf[p + 2]) | (np.int64(buf[p + 3]) << 8) if p + 8 <= end else 0
        return _wifi(buf, p + size, end) if size >= 8 else (_STOP, p)
    if link_type == PFLOG:
        return (_IP, p + ((np.int64(buf[p]) + 3) & ~3)) if p + 4 <= end else (_STOP, p)
    if link_type == NFLOG:
        return _nflog(buf, p + 4, end)
    return (_IP, p) if link_type in (RAW, RAW_BSD, RAW_OPENBSD, IPV4_LINK, IPV6_LINK) else (_STOP, p)


@packet_kernel
def _ppp(buf: Bytes, p: Integer, end: Integer) -> Integer:
    """PPP: an optional address and control pair, then the protocol, in one byte when odd (RFC 1661, 1662).

    Cisco HDLC on the same link type has 0x0F or 0x8F first and an Ethertype for protocol.
    """
    if p + 4 <= end and (buf[p] == 0x0F or buf[p] == 0x8F):
        return u16(buf, p + 2), p + 4
    if p + 4 <= end and buf[p] == 0xFF and buf[p + 1] == 0x03:
        p += 2
    if p + 2 > end:
        return _STOP, p
    size = 1 if buf[p] & 1 else 2
    protocol = np.int64(buf[p]) if size == 1 else u16(buf, p)
    if protocol == 0x0021 or protocol == 0x0057:
        return _IP, p + size
    return (0x8847 if protocol == 0x0281 else _STOP), p + size


@packet_kernel
def _pppoe(buf: Bytes, p: Integer, end: Integer) -> Integer:
    """A PPPoE session header (code 0) and PPP."""
    if p + 8 > end or buf[p + 1] != 0:
        return _STOP, p
    return _ppp(buf, p + 6, end)


@packet_kernel
def _wifi(buf: Bytes, p: Integer, end: Integer) -> Integer:
    """An 802.11 data frame with LLC and SNAP; encrypted and aggregated (A-MSDU) ones are not read."""
    if p + 24 > end or buf[p] & 0x0F != 0x08 or buf[p] & 0x40 or buf[p + 1] & 0x40:
        return _STOP, p
    q = p + (30 if buf[p + 1] & 3 == 3 else 24)
    if buf[p] & 0x80:
        if q + 2 > end or buf[q] & 0x80:
            return _STOP, p
        q += 6 if buf[p + 1] & 0x80 else 2
    if q + 8 <= end and u16(buf, q) == 0xAAAA and buf[q + 2] == 3:
        return u16(buf, q + 6), q + 8
    return _STOP, p


@packet_kernel
def _nflog(buf: Bytes, p: Integer, end: Integer) -> Integer:
    """The payload among NFLOG's attributes; their byte order is the writer's, seen from the type being small."""
    for _ in range(MAX_ATTRIBUTES):
        if p + 4 > end:
            break
        big = buf[p + 2] == 0
        size = u16(buf, p) if big else np.int64(buf[p]) | (np.int64(buf[p + 1]) << 8)
        if (buf[p + 3] if big else buf[p + 2]) == 9:
            return _IP, p + 4
        if size < 4:
            break
        p += (size + 3) & ~3
    return _STOP, p


@packet_kernel
def _ethernet(buf: Bytes, p: Integer, end: Integer, found: Numbers) -> Integer:
    """An Ethernet header: DIX, or LLC with SNAP."""
    if p + 14 > end:
        return _STOP, p
    found[ETHERNET] = p
    kind = u16(buf, p + 12)
    if kind > 1500:
        return kind, p + 14
    if p + 22 <= end and u16(buf, p + 14) == 0xAAAA and buf[p + 16] == 3:
        return u16(buf, p + 20), p + 22
    return _STOP, p


@packet_kernel
def _tags(buf: Bytes, kind: Integer, p: Integer, end: Integer, found: Numbers) -> Integer:
    """Everything that stands between an Ethernet header and IP: VLAN, VN-Tag, PPPoE, MPLS, 802.1ah."""
    for _ in range(MAX_TAGS):
        if kind == 0x0800 or kind == 0x86DD:
            return _IP, p
        if kind == 0x8100 or kind == 0x88A8 or kind == 0x9100:
            if p + 4 > end:
                return _STOP, p
            found[VLAN] = u16(buf, p) & 0xFFF
            kind, p = u16(buf, p + 2), p + 4
        elif kind == 0x8926:
            if p + 6 > end:
                return _STOP, p
            kind, p = u16(buf, p + 4), p + 6
        elif kind == 0x8864:
            kind, p = _pppoe(buf, p, end)
        elif kind == 0x8847 or kind == 0x8848:
            if p + 5 > end:
                return _STOP, p
            last = buf[p + 2] & 1
            p += 4
            if last:
                nibble = buf[p] >> 4
                return (_IP, p) if nibble == 4 or nibble == 6 else (_STOP, p)
        elif kind == 0x88E7:
            return _ETHERNET, p + 4
        else:
            break
    return (kind, p) if kind < 0 else (_STOP, p)


@packet_kernel
def _ipv4(buf: Bytes, p: Integer, end: Integer, space_end: Integer, found: Numbers) -> Integer:
    """An IPv4 header into `found`; False when there is none."""
    if p + 20 > end or buf[p] >> 4 != 4:
        return False
    header = np.int64(buf[p] & 15) * 4
    total = u16(buf, p + 2)
    if header < 20 or (0 < total < header):
        found[PROBLEM] = 1
        return False
    found[NO_LENGTH] = 1 if total == 0 else 0
    if total == 0:
        total = space_end - p
    fragment = u16(buf, p + 6)
    found[IP], found[VERSION], found[PROTO], found[L4] = p, 4, buf[p + 9], p + header
    found[IP_END], found[SPACE_END] = p + total, space_end
    found[FRAGMENT] = 1 if fragment & 0x3FFF else 0
    found[FRAGMENT_OFFSET] = (fragment & 0x1FFF) * 8
    found[IP_ID] = u16(buf, p + 4)
    if found[PROTO] == AUTHENTICATION and not found[FRAGMENT]:
        found[PROTO], found[L4] = behind_authentication(buf, p + header, end)
    return True


@packet_kernel
def behind_authentication(buf: Bytes, p: Integer, end: Integer) -> Integer:
    """(protocol, where it begins) behind the authentication headers at `p`, which hide nothing (RFC 4302, 2).

    Their length stands there in units of 4 bytes, less 2. Of a header that was cut off: its own protocol and place.
    """
    following = np.int64(AUTHENTICATION)
    for _ in range(MAX_TAGS):
        if following != AUTHENTICATION or p + 8 > end:
            break
        following, p = np.int64(buf[p]), p + 8 + np.int64(buf[p + 1]) * 4
    return following, p


@packet_kernel
def _jumbo_length(buf: Bytes, p: Integer, end: Integer, space_end: Integer) -> Integer:
    """What the jumbo payload option of the IPv6 header at `p` says; 0: there is none.

    It is looked for where its alignment puts it and Linux writes it (ipv6_gro, BIG TCP): first of the hop-by-hop
    options. A length that an ordinary header could tell (RFC 2675 allows none) or beyond the frame is not taken.
    """
    if p + 48 > end or buf[p + 6] != 0 or u16(buf, p + 42) != 0xC204:
        return np.int64(0)
    length = u32(buf, p + 44)
    return length if 0xFFFF < length <= space_end - p - 40 else np.int64(0)


@packet_kernel
def _ipv6(buf: Bytes, p: Integer, end: Integer, space_end: Integer, found: Numbers) -> Integer:
    """An IPv6 header and its extension headers into `found`; False when there is none."""
    if p + 40 > end or buf[p] >> 4 != 6:
        return False
    payload = u16(buf, p + 4)
    if payload == 0:
        payload = _jumbo_length(buf, p, end, space_end)
    found[NO_LENGTH] = 1 if payload == 0 else 0
    if payload == 0:
        payload = space_end - p - 40
    found[IP], found[VERSION], found[IP_END], found[SPACE_END] = p, 6, p + 40 + payload, space_end
    found[FRAGMENT] = found[FRAGMENT_OFFSET] = 0
    found[IP_ID] = -1
    following, q = np.int64(buf[p + 6]), p + 40
    for _ in range(MAX_TAGS):
        if q + 8 > end:
            break
        if following == 0 or following == 43 or following == 60 or following == 135:
            following, q = np.int64(buf[q]), q + 8 + np.int64(buf[q + 1]) * 8
        elif following == AUTHENTICATION:
            following, q = behind_authentication(buf, q, end)
        elif following == 44:
            offset = u16(buf, q + 2)
            if offset & 0xFFF9:
                found[FRAGMENT], found[FRAGMENT_OFFSET] = 1, offset & 0xFFF8
            found[IP_ID] = u32(buf, q + 4) & 0xFFFF
            following, q = np.int64(buf[q]), q + 8
            if found[FRAGMENT]:
                break  # every fragment of the datagram is known by the same protocol, and a later one has no more
        else:
            break
    found[PROTO], found[L4] = following, q
    return True


@packet_kernel
def _gre(buf: Bytes, p: Integer, end: Integer) -> Integer:
    """(kind inside, where, key, tunnel) of a GRE packet version 0 without source routing."""
    if p + 4 > end or buf[p + 1] & 7 or buf[p] & 0x40:
        return _STOP, p, np.int64(0), 0
    flags, kind, q, key = np.int64(buf[p]), u16(buf, p + 2), p + 4, np.int64(0)
    if flags & 0x80:
        q += 4
    if flags & 0x20 and q + 4 <= end:
        key, q = u32(buf, q), q + 4
    elif flags & 0x20:
        return _STOP, p, np.int64(0), 0
    if flags & 0x10:
        q += 4
    if kind == 0x88BE:
        header = 8 if flags & 0x10 else 0
        session = u16(buf, q + 2) & 0x3FF if header and q + 4 <= end else np.int64(0)
        return _ETHERNET, q + header, session, TUNNEL_ERSPAN
    if kind == 0x22EB and q + 12 <= end:
        extra = 8 if buf[q + 11] & 1 else 0
        return _ETHERNET, q + 12 + extra, u16(buf, q + 2) & 0x3FF, TUNNEL_ERSPAN
    return _inside(kind), q, key, TUNNEL_GRE


@packet_kernel
def _inside(protocol: Integer) -> Integer:
    """What a Geneve or GRE protocol type says is inside."""
    return _ETHERNET if protocol == 0x6558 else protocol


@packet_kernel
def _gtpu(buf: Bytes, q: Integer, end: Integer) -> Integer:
    """Where the packet inside a GTP-U header at `q` begins: behind its optional fields and extension headers."""
    inner = q + 8 + (4 if buf[q] & 7 else 0)
    if buf[q] & 4:
        for _ in range(MAX_TAGS):
            if inner >= end or buf[inner - 1] == 0 or buf[inner] == 0:
                break
            inner += 4 * np.int64(buf[inner])
    return inner


@packet_kernel
def _udp_tunnel(buf: Bytes, p: Integer, end: Integer) -> Integer:
    """(kind inside, where, VNI, tunnel) of a UDP datagram to a tunnel's port."""
    if p + 16 > end:
        return _STOP, p, np.int64(0), 0
    port, q = u16(buf, p + 2), p + 8
    if port == 6081 and buf[q] >> 6 == 0:
        options = np.int64(buf[q] & 0x3F) * 4
        return _inside(u16(buf, q + 2)), q + 8 + options, u32(buf, q + 4) >> 8, TUNNEL_GENEVE
    if (port == 4789 or port == 8472) and buf[q] & 0x08:
        return _ETHERNET, q + 8, u32(buf, q + 4) >> 8, TUNNEL_VXLAN
    if port == 4790 and buf[q] & 0x08:
        following = buf[q + 3]
        kind = _ETHERNET if following == 3 else (_IP if following == 1 or following == 2 else _STOP)
        return kind, q + 8, u32(buf, q + 4) >> 8, TUNNEL_VXLAN
    if port == 2152 and buf[q] >> 5 == 1 and buf[q + 1] == 255:
        return _IP, _gtpu(buf, q, end), u32(buf, q + 4), TUNNEL_GTPU
    return _STOP, p, np.int64(0), 0


@packet_kernel
def _tunnel(buf: Bytes, end: Integer, found: Numbers) -> Integer:
    """(kind inside, where, key, tunnel) when the packet found so far carries another one; kind _STOP otherwise."""
    proto, p = found[PROTO], found[L4]
    if proto == 6 or (found[FRAGMENT] and found[FRAGMENT_OFFSET]):
        return _STOP, p, np.int64(0), 0
    if proto == 17:
        return _udp_tunnel(buf, p, end)
    if proto == 47:
        return _gre(buf, p, end)
    if proto == 4 or proto == 41:
        return _IP, p, np.int64(0), TUNNEL_IPIP
    return _STOP, p, np.int64(0), 0


@packet_kernel
def _copy(source: Numbers, target: Numbers) -> None:
    """All places; a loop because slice assignment allocates."""
    for i in range(PLACES):
        target[i] = source[i]


@packet_kernel
def locate(
    buf: Bytes,
    start: Integer,
    captured: Integer,
    wire: Integer,
    link_type: Integer,
    found: Numbers,
    inner: Numbers,
) -> Integer:
    """Find the headers of the packet at `buf[start : start + captured]`, `wire` bytes long on the wire.

    `found` and `inner` are int64[PLACES]; `found` holds the result (see the names above), `inner` is scratch.
    Returns whether an IP header was found.
    """
    for i in range(PLACES):
        found[i] = 0
    found[IP] = found[OUTER_IP] = found[ETHERNET] = found[VLAN] = found[IP_ID] = -1
    end, space_end = start + captured, start + wire
    kind, p = _link(buf, start, end, link_type, found)
    depth, tunnel, key, outer = 0, 0, np.int64(0), np.int64(-1)
    _copy(found, inner)
    while True:
        for _ in range(2):
            if kind == _ETHERNET:
                kind, p = _ethernet(buf, p, end, inner)
            kind, p = _tags(buf, kind, p, end, inner)
            if kind != _ETHERNET:
                break
        if kind != _IP or p >= end:
            break
        if not (_ipv4(buf, p, end, space_end, inner) or _ipv6(buf, p, end, space_end, inner)):
            found[PROBLEM] = found[PROBLEM] | inner[PROBLEM]
            break
        inner[DEPTH], inner[TUNNEL], inner[VNI], inner[OUTER_IP] = depth, tunnel, key, outer
        _copy(inner, found)
        kind, p, key, tunnel = _tunnel(buf, end, found)
        if kind == _STOP or depth >= MAX_DEPTH:
            break
        outer = found[IP] if outer < 0 else outer
        depth, space_end = depth + 1, found[IP_END]
        inner[ETHERNET] = inner[VLAN] = -1
    return found[IP] >= 0
