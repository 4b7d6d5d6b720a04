"""A packet that a text quotes as bytes: Ethernet, VLAN, IPv4 or IPv6, TCP or UDP headers, as a `LoggedPacket`.

Drop tools quote packets in hexadecimal or base64; captures are decoded elsewhere, thousands of times as many.
Layouts: IEEE 802.3 and 802.1Q, RFC 791, RFC 8200 (extension headers are not followed), RFC 9293, RFC 768.
"""

import struct
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from lastseen.tables.endpoints import Endpoint
from lastseen.tables.facts_from_texts import LoggedPacket

__all__ = ["packet_of_bytes"]

_ETHERTYPE_AT: Final = 12
_IPV4, _IPV6 = 0x0800, 0x86DD
_VLANS: Final = frozenset({0x8100, 0x88A8, 0x9100})
_VLAN_BYTES: Final = 4
_IPV4_BYTES, _IPV6_BYTES = 20, 40
_TCP, _UDP = 6, 17
_PORTS: Final = struct.Struct(">HH")
_TCP_HEADER: Final = struct.Struct(">HHIIBB")
_OFFSET_MASK: Final = 0x1FFF
"""A fragment behind the first has no ports."""


def packet_of_bytes(data: bytes, device: str = "") -> LoggedPacket | None:
    """The innermost facts of a frame; None when it is no IP, or too short for its addresses.

    `device`: what the packet came in on, if known.
    """
    at, kind = _ETHERTYPE_AT, 0
    while at + 2 <= len(data):
        kind = int.from_bytes(data[at : at + 2], "big")
        at += 2
        if kind not in _VLANS:
            break
        at += _VLAN_BYTES - 2
    rest = data[at:]
    if kind == _IPV4 and len(rest) >= _IPV4_BYTES:
        return _ipv4(rest, device)
    if kind == _IPV6 and len(rest) >= _IPV6_BYTES:
        return _ipv6(rest, device)
    return None


def _ipv4(data: bytes, device: str) -> LoggedPacket:
    length, identity, fragment, ttl, proto = struct.unpack_from(">HHHBB", data, 2)
    behind = b"" if fragment & _OFFSET_MASK else data[4 * (data[0] & 0xF) :]
    source, target = str(IPv4Address(data[12:16])), str(IPv4Address(data[16:20]))
    return _packet(
        source, target, behind, proto=proto, length=length, identity=identity, ttl=ttl, device=device
    )


def _ipv6(data: bytes, device: str) -> LoggedPacket:
    length, proto, ttl = struct.unpack_from(">HBB", data, 4)
    source, target = str(IPv6Address(data[8:24])), str(IPv6Address(data[24:40]))
    return _packet(
        source, target, data[_IPV6_BYTES:], proto=proto, length=length + _IPV6_BYTES, identity=None, ttl=ttl,
        device=device,
    )  # fmt: skip


def _packet(
    source: str,
    target: str,
    behind: bytes,
    *,
    proto: int,
    length: int,
    identity: int | None,
    ttl: int,
    device: str,
) -> LoggedPacket:
    sport = dport = 0
    seq = ack = flags = None
    if proto in (_TCP, _UDP) and len(behind) >= _PORTS.size:
        sport, dport = _PORTS.unpack_from(behind)
    if proto == _TCP and len(behind) >= _TCP_HEADER.size:
        _, _, seq, ack, _, flags = _TCP_HEADER.unpack_from(behind)
    return LoggedPacket(
        src=Endpoint(address=source, port=sport),
        dst=Endpoint(address=target, port=dport),
        proto=proto,
        ip_len_bytes=length,
        ip_id=identity,
        ip_ttl=ttl,
        tcp_seq=seq,
        tcp_ack=ack,
        tcp_flags=flags,
        in_device=device,
    )
