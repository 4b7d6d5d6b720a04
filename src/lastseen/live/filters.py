"""The capture filter: the other end's packets, plain, VLAN-tagged, inside tunnels, and the ICMP errors about them.

pcap-filter(7): `vlan` shifts every offset behind it, so it comes last; `geneve` would too, so the inner addresses are
reached by arithmetic instead: the Geneve header (RFC 8926, 3.4) has 8 bytes and options whose length stands in its
first byte, the VXLAN header (RFC 7348, 5) 8 bytes and none; an Ethernet header of 14 bytes follows, then IPv4.
"""

import ipaddress
from collections.abc import Sequence
from typing import Final

__all__ = ["capture_filter"]

GENEVE_PORT: Final = 6081
VXLAN_PORTS: Final = (4789, 8472)
"""IANA's, and the one Linux used before (drivers/net/vxlan)."""
_INNER_SRC: Final = 8 + 8 + 14 + 12
_INNER_DST: Final = _INNER_SRC + 4
_QUOTED_SRC: Final = 8 + 12
_QUOTED_DST: Final = 8 + 16
"""Addresses of the packet an ICMP error quotes, from the start of the ICMP header (RFC 792)."""
OTHER_TUNNELS: Final = "proto 47"
"""GRE: neither its header nor what it carries has one length."""


def capture_filter(addresses: Sequence[str], port: int | None, *, outer: bool) -> str:
    """A filter for packets to and from these addresses; "" matches everything when there is none.

    `outer`: packets show encapsulated where it is used. A port narrows TCP and UDP only: fragments have none.
    """
    if not addresses:
        return ""
    plain = " or ".join(_plain(address, port) for address in addresses)
    parts = [plain, "arp", *(_icmp(a) for a in addresses if _is_v4(a))]
    if outer:
        parts += [_tunnelled(address) for address in addresses]
    whole = " or ".join(parts)
    return f"{whole} or (vlan and ({whole}))"


def _is_v4(address: str) -> bool:
    return ipaddress.ip_address(address).version == 4  # noqa: PLR2004


def _plain(address: str, port: int | None) -> str:
    host = f"host {ipaddress.ip_address(address)}"
    if port is None:
        return host
    fragments = "ip[6:2] & 0x1fff != 0" if _is_v4(address) else "ip6 proto 44"
    icmp = "icmp" if _is_v4(address) else "icmp6"
    return f"({host} and (port {port} or {icmp} or {fragments}))"


def _icmp(address: str) -> str:
    """ICMP errors from anyone about a packet to or from the address."""
    number = int(ipaddress.ip_address(address))
    return f"(icmp and (icmp[{_QUOTED_DST}:4] = {number:#x} or icmp[{_QUOTED_SRC}:4] = {number:#x}))"


def _tunnelled(address: str) -> str:
    """Packets of the address inside Geneve or VXLAN over IPv4; other tunnels, and IPv6 in one, are taken whole."""
    if not _is_v4(address):
        vxlan = " or ".join(f"udp port {port}" for port in VXLAN_PORTS)
        return f"(udp port {GENEVE_PORT} or {vxlan} or {OTHER_TUNNELS})"
    number = f"{int(ipaddress.ip_address(address)):#x}"
    options = "((udp[8:1] & 0x3f) * 4)"
    geneve = f"udp[{_INNER_SRC} + {options}:4] = {number} or udp[{_INNER_DST} + {options}:4] = {number}"
    vxlan = f"udp[{_INNER_SRC}:4] = {number} or udp[{_INNER_DST}:4] = {number}"
    ports = " or ".join(f"udp port {port}" for port in VXLAN_PORTS)
    return (
        f"(udp port {GENEVE_PORT} and ({geneve})) or (({ports}) and ({vxlan}))"
        f" or {OTHER_TUNNELS} or (ip6 and (udp port {GENEVE_PORT} or {ports}))"
    )
