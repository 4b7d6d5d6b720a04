"""Retis' events: three generations of packets."""

import json
from pathlib import Path

import text_samples as t

from lastseen.evidence.texts import retis_events as reader
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.facts_from_texts import Drop, Version

HERE = Path(__file__).parent / "samples/retis_events"
RAW = (HERE / "raw_packets_written.txt").read_text()
FIELDS = (HERE / "fields_written.txt").read_text()


def _drops(sample: str) -> list[Drop]:
    return [row for row in t.rows(reader, sample) if isinstance(row, Drop)]


def test_a_raw_packet_is_decoded_and_time_is_the_walls() -> None:
    """The startup event tells how far the clock is from the epoch; the stack who dropped it."""
    (drop,) = _drops(RAW)
    assert (drop.at_ns, drop.clock) == (1795599000000000005 + 23868643385999, "wall")
    assert (drop.reason, drop.location) == ("NO_SOCKET", "tcp_v4_rcv+0x91")
    assert drop.packet is not None
    assert (drop.packet.src, drop.packet.dst) == (
        Endpoint(address="10.0.0.1", port=443),
        Endpoint(address="10.0.0.2", port=40000),
    )
    assert (drop.packet.tcp_seq, drop.packet.tcp_ack, drop.packet.tcp_flags) == (1000, 2000, 0x11)
    assert (drop.packet.ip_id, drop.packet.ip_ttl, drop.packet.in_device) == (7, 64, "eth0")
    versions = [(row.name, row.version) for row in t.rows(reader, RAW) if isinstance(row, Version)]
    assert versions == [("retis", "1.6.2"), ("kernel", "6.12.0")]


def test_older_events_spell_the_packet_out() -> None:
    """Nested fields, and flat ones before them; an IPv6 length gets its header."""
    nested, flat = _drops(FIELDS)
    assert nested.packet is not None
    assert (nested.packet.src.address, nested.packet.ip_len_bytes, nested.packet.tcp_seq) == (
        "fd00::1",
        60,
        1,
    )
    assert (nested.clock, nested.reason, nested.packet.in_device) == ("boot", "OVS_DROP_LAST_ACTION", "tap0")
    assert flat.packet is not None
    assert (flat.packet.ip_len_bytes, flat.packet.tcp_flags, flat.packet.in_device) == (52, 16, "wlan0")


def test_what_cannot_be_read_is_weird_or_no_packet() -> None:
    """Cut JSON, base64 that is none, fields that are missing."""
    assert t.weirds(reader, RAW[: RAW.rindex('"skb-tracking"')]) == [(3, "not an event of Retis")]
    for skb in ({"packet": {"packet": "?"}}, {"ip": {"saddr": "x"}}, {}, {"packet": {"packet": "QUJD"}}):
        event = {"common": {"timestamp": 1}, "kernel": {}, "skb": skb, "skb-drop": {"drop_reason": "X"}}
        (drop,) = _drops(json.dumps(event))
        assert drop.packet is None
    startup = {"startup": {"clock_monotonic_offset": {"sec": "x"}}}
    assert t.rows(reader, json.dumps(startup)) == []


def test_recognised_by_its_first_event() -> None:
    """Other tools' JSON lines are others'."""
    assert t.recognised(reader, RAW)
    assert t.recognised(reader, FIELDS)
    assert not t.recognised(reader, '{"common":{"timestamp":1}}\n')
    assert not t.recognised(reader, '{"skb":"0xffff","func":"kfree_skb"}\n')
    assert not t.recognised(reader, '{"common":{\n')


def test_no_text_makes_it_raise() -> None:
    """Noise, cut and shuffled samples."""
    t.survives_any_text(reader, RAW + FIELDS)
