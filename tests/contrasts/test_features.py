"""Features: what each asks of a packet, and that its name finds it again."""

import numpy as np
import pytest

from lastseen.contrasts.features import TABLE, Feature, features, holds, named
from lastseen.tables.details import CHECKSUM_BAD, CHECKSUM_GOOD, CHECKSUM_PARTIAL, COLUMNS, DetailRows

SOUND = {
    "ip_version": 4,
    "ip_proto": 6,
    "tcp_hdr_len": 20,
    "checksum": CHECKSUM_GOOD,
    "vlan_id": -1,
    "eth_src": -1,
    "ip_id": 7,
    "tcp_wscale": -1,
    "tcp_fastopen": -1,
    "outer_src_port": -1,
}


def rows(*packets: dict[str, int]) -> DetailRows:
    return np.array([[(SOUND | packet).get(name, 0) for name in COLUMNS] for packet in packets], np.int64)


def names(*packets: dict[str, int]) -> set[str]:
    """What all of these packets have."""
    table = rows(*packets)
    return {feature.name for feature in features(table) if holds(feature, table).all()}


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        ({"padding_len": 6}, "eth.padding"),
        ({"tcp_wscale": 0}, "tcp.options.wscale"),
        ({"tcp_sack_permitted": 1}, "tcp.options.sack_perm"),
        ({"tcp_fastopen": 0}, "tcp.options.tfo"),
        ({"src_port": 443}, "tcp.srcport == 443"),
        ({"ip_proto": 17, "dst_port": 53, "tcp_hdr_len": 0}, "udp.dstport == 53"),
        ({"outer_src_port": 5001}, "tunnel.udp.srcport == 5001"),
        ({"tunnel": 2, "tunnel_key": 77}, "tunnel.key == 77"),
        ({"untrimmed_residual": 6}, "checksum over padding wrong"),
        ({"checksum": CHECKSUM_BAD}, "tcp.checksum.status == bad"),
        ({"checksum": CHECKSUM_BAD, "ip_proto": 17}, "udp.checksum.status == bad"),
        ({"checksum": CHECKSUM_BAD, "ip_proto": 58}, "icmpv6.checksum.status == bad"),
        ({"checksum": CHECKSUM_PARTIAL}, "tcp.checksum.status == partial"),
        ({"ip_fragment": 1}, "ip fragment"),
        ({"tcp_flags": 0x11}, "tcp.flags.fin == 1"),
        ({"tcp_flags": 0x11}, "tcp.flags.ack == 1"),
        ({"tcp_flags": 0x02}, "tcp.flags.syn == 1"),
        ({"tcp_flags": 0x04}, "tcp.flags.reset == 1"),
        ({"tcp_flags": 0x08}, "tcp.flags.push == 1"),
        ({"tcp_flags": 0x20}, "tcp.flags.urg == 1"),
        ({"tcp_flags": 0x40}, "tcp.flags.ece == 1"),
        ({"tcp_flags": 0x80}, "tcp.flags.cwr == 1"),
        ({"tcp_sack_blocks": 1}, "tcp.options.sack"),
        ({"tcp_mss": 1460}, "tcp.options.mss"),
        ({}, "not tcp.options.timestamp"),
        ({}, "tcp.len == 0"),
        ({}, "tcp.window_size_value == 0"),
        ({"ip_df": 1}, "ip.flags.df == 1"),
        ({}, "ip.flags.df == 0"),
        ({"ip_id": 0}, "ip.id == 0"),
        ({"ip_version": 6}, "ip.version == 6"),
        ({"ip_len": 40}, "ip.len == 40"),
        ({"frame_len": 60}, "frame.len == 60"),
        ({"payload_len": 5}, "tcp.len == 5"),
        ({}, "tcp.hdr_len == 20"),
        ({"ip_ttl": 63}, "ip.ttl == 63"),
        ({"ip_dsfield": 0xB8}, "ip.dsfield == 0xb8"),
        ({"vlan_id": 100}, "vlan.id == 100"),
        ({"eth_src": 0x020000AABBCC}, "eth.src == 02:00:00:aa:bb:cc"),
    ],
)
def test_a_packet_has_what_its_columns_say(packet: dict[str, int], expected: str) -> None:
    """Every feature of the table, once."""
    assert expected in names(packet)


@pytest.mark.parametrize(
    ("packet", "not_expected"),
    [
        ({"untrimmed_residual": 6, "checksum": CHECKSUM_BAD}, "checksum over padding wrong"),
        ({"untrimmed_residual": -1}, "checksum over padding wrong"),
        ({"tcp_hdr_len": 0}, "tcp.len == 0"),
        ({"tcp_hdr_len": 0}, "not tcp.options.timestamp"),
        ({"ip_version": 6, "ip_id": 0}, "ip.id == 0"),
        ({"ip_version": 6}, "ip.flags.df == 0"),
        ({}, "vlan.id == -1"),
        ({"ip_version": 0}, "ip.len == 0"),
    ],
)
def test_a_packet_has_nothing_of_a_layer_it_lacks(packet: dict[str, int], not_expected: str) -> None:
    """A zero that stands for "no such header" is no value."""
    assert not_expected not in names(packet)


def test_lengths_that_differ_give_bounds() -> None:
    """The smallest and the largest of the lost; an equality would be false."""
    found = names(
        {"ip_len": 41, "payload_len": 1, "ip_ttl": 60}, {"ip_len": 45, "payload_len": 5, "ip_ttl": 61}
    )
    assert {"ip.len >= 41", "ip.len <= 45", "tcp.len >= 1", "tcp.len <= 5", "frame.len == 0"} <= found
    assert not [name for name in found if name.startswith(("ip.len ==", "ip.ttl"))]


def test_each_name_is_asked_once() -> None:
    """A payload of 0 bytes is both a feature and a value."""
    found = [feature.name for feature in features(rows({}))]
    assert len(found) == len(set(found))


def test_what_no_packet_tells_is_no_feature() -> None:
    """A listing prints no IP length and no frame length (-1)."""
    found = {feature.name for feature in features(rows({"ip_len": -1, "frame_len": -1, "payload_len": 4}))}
    assert "tcp.len == 4" in found
    assert not [name for name in found if name.startswith(("ip.len", "frame.len"))]


def test_a_name_finds_its_feature_again() -> None:
    """All of them whose value is a decimal number."""
    all_of_them = features(rows({"ip_len": 40}, {"ip_len": 44}))
    assert [
        feature for feature in all_of_them if named(feature.name) != feature and "0x" not in feature.name
    ] == []


@pytest.mark.parametrize(
    "name", ["", "eth.padding and ip.len == 40", "ip.len", "ip.len != 4", "ip.len == x", "tcp.seq == 1"]
)
def test_what_is_no_feature_is_not_found(name: str) -> None:
    """Pairs, half names, foreign names."""
    assert named(name) is None


def test_the_order_of_the_table_is_the_priority() -> None:
    """Damage, padding, flags, then lengths, the IP packet's before the frame's."""
    order = [entry.name for entry in TABLE]
    wanted = [
        "tcp.checksum.status == bad",
        "eth.padding",
        "tcp.flags.fin == 1",
        "tcp.len == 0",
        "ip.len",
        "frame.len",
    ]
    assert sorted(wanted, key=order.index) == wanted
    assert all(entry.conditions for entry in TABLE if isinstance(entry, Feature))


def test_one_byte_is_said_as_one() -> None:
    """A keep-alive carries a single byte."""
    said = {feature.text for feature in features(rows({"payload_len": 1, "ip_len": 41}))}
    assert {"a TCP payload of 1 byte", "an IP length of 41 bytes"} <= said
