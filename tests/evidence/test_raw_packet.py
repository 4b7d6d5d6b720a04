"""Frames quoted by drop tools."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.raw_packet import packet_of_bytes

ETHERNET = bytes(12)
V4 = struct.pack(
    ">BBHHHBBH4s4s", 0x45, 0, 48, 7, 0x4000, 64, 17, 0, bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
)


def test_tags_are_passed_and_a_later_fragment_has_no_ports() -> None:
    """Two VLAN tags before the ethertype; the fragment offset is not 0."""
    udp = struct.pack(">HHHH", 53, 4000, 8, 0)
    tagged = packet_of_bytes(ETHERNET + bytes.fromhex("88a80001810000020800") + V4 + udp, "eth0")
    assert tagged is not None
    assert (tagged.src.port, tagged.dst.port, tagged.in_device) == (53, 4000, "eth0")
    later = V4[:6] + struct.pack(">H", 100) + V4[8:]
    fragment = packet_of_bytes(ETHERNET + b"\x08\x00" + later + udp)
    assert fragment is not None
    assert (fragment.src.port, fragment.dst.port) == (0, 0)


def test_ipv6_counts_its_header() -> None:
    """The length is payload and 40 bytes."""
    header = struct.pack(">IHBB", 6 << 28, 8, 17, 64) + bytes(15) + b"\1" + bytes(15) + b"\2"
    packet = packet_of_bytes(ETHERNET + b"\x86\xdd" + header + struct.pack(">HHHH", 1, 2, 8, 0))
    assert packet is not None
    assert (packet.src.address, packet.ip_len_bytes, packet.ip_id, packet.dst.port) == ("::1", 48, None, 2)


@given(st.binary(max_size=120))
def test_no_bytes_make_it_raise(data: bytes) -> None:
    """Cut anywhere, of any kind."""
    packet_of_bytes(data)
    packet_of_bytes(ETHERNET + b"\x08\x00" + data)
    packet_of_bytes(ETHERNET + b"\x86\xdd" + data)
