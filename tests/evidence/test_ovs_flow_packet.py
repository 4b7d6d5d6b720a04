"""Packets as flows are printed."""

import pytest

from lastseen.evidence.ovs_flow_packet import packet_of_flow, packet_of_key


@pytest.mark.parametrize(
    ("flags", "bits"),
    [("syn|ack", 0x12), ("0", 0), ("", None), ("odd", None), ("fin|psh|ack", 0x19)],
)
def test_flags_are_names_or_nought(flags: str, bits: int | None) -> None:
    """A flag of no known name makes all of them unknown: a wrong set would be worse than none."""
    packet = packet_of_flow(f"tcp,nw_src=10.0.0.1,nw_dst=10.0.0.2,tp_src=1,tp_dst=2,tcp_flags={flags}")
    assert packet is not None
    assert packet.tcp_flags == bits


def test_without_addresses_there_is_no_packet() -> None:
    """ARP has none, and a bad address is none."""
    assert packet_of_flow("arp,arp_spa=10.0.0.1") is None
    assert packet_of_flow("ip,nw_src=10.0.0.1,nw_dst=10.0.0.256") is None


def test_a_prefix_and_registers_before_the_protocol_do_not_hide_it() -> None:
    """`ct_state=..,udp,reg0=..`; a TTL out of range is not printed."""
    packet = packet_of_flow("ct_state=est|trk,udp,reg0=0x501,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=999")
    assert packet is not None
    assert (packet.proto, packet.ip_ttl) == (17, None)


def test_a_key_with_a_masked_address_names_no_packet() -> None:
    """A port that is not matched is 0: any."""
    assert packet_of_key("ipv4(src=10.0.0.0/255.0.0.0,dst=10.0.0.2,proto=6)") is None
    packet = packet_of_key("ipv4(src=10.0.0.1,dst=10.0.0.2,proto=6),tcp(dst=443)")
    assert packet is not None
    assert (packet.src.port, packet.dst.port, packet.proto) == (0, 443, 6)
