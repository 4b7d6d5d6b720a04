"""Files of every kind give the same packets, with their times and interfaces."""

import packet_writer as w
import pytest
import samples
from decoded import fields, read
from hypothesis import given, settings
from hypothesis import strategies as st

from lastseen.tables import packets as table

NS = 1_700_000_000_123_456_789


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("nanoseconds", [False, True])
def test_pcap_times(big_endian: bool, nanoseconds: bool) -> None:
    capture, weirds = read(w.pcap([(NS, samples.FRAME)], big_endian=big_endian, nanoseconds=nanoseconds))
    assert not weirds
    assert capture.times_ns().tolist() == [NS if nanoseconds else NS // 1000 * 1000]
    assert capture.offsets.tolist() == [40]
    assert capture.lengths.tolist() == [[len(samples.FRAME)] * 2]


def test_snap_length_keeps_the_length_on_the_wire() -> None:
    capture, _ = read(w.pcap([(0, samples.FRAME)], snap_length=70))
    assert capture.interfaces[0].snap_length == 70
    assert capture.lengths.tolist() == [[70, len(samples.FRAME)]]
    found = fields(capture, 0)
    assert found is not None
    assert found.length == 40
    assert found.info & table.INFO_CUT


@pytest.mark.parametrize("big_endian", [False, True])
def test_pcapng_interfaces_and_sections(big_endian: bool) -> None:
    """Interface numbers start again in every section, byte order may change, and drops are counted per interface."""
    first, second = w.Pcapng(big_endian=big_endian), w.Pcapng(big_endian=not big_endian)
    data = b"".join((
        first.section(comment="case 7"),
        first.interface(name="eth0", filter_text="tcp"),
        first.interface(name="any", link_type=113, resolution=9),
        first.packet(NS // 1000, samples.FRAME),
        first.packet(NS, w.sll(samples.V4), interface=1, comment="this one hung"),
        first.statistics(NS, interface=1, start=NS, end=NS + 5, if_drop=3, os_drop=4),
        second.section(),
        second.interface(name="tap0", snap_length=64),
        second.simple_packet(samples.FRAME[:64], wire=len(samples.FRAME)),
        second.obsolete_packet(NS // 1000, samples.FRAME),
        second.statistics(0, if_drop=9),
    ))  # fmt: skip
    capture, weirds = read(data)
    assert not weirds
    assert [(face.name, face.link_type, face.filter) for face in capture.interfaces] == [
        ("eth0", 1, "tcp"), ("any", 113, ""), ("tap0", 1, ""),
    ]  # fmt: skip
    assert capture.comments == ((None, "case 7"), (2, "this one hung"))
    assert [face.dropped_packets for face in capture.interfaces] == [None, 7, 9]
    assert (capture.interfaces[1].start_ns, capture.interfaces[1].end_ns) == (NS, NS + 5)
    assert capture.times_ns().tolist() == [NS // 1000 * 1000, NS, 0, NS // 1000 * 1000]
    numbers = capture.flows[capture.packets[:, table.FLOW] >> 1, table.FLOW_PROTO] >> 16
    assert numbers.tolist() == [0, 1, 2, 2]
    assert all(fields(capture, row) for row in range(4))


@given(
    st.integers(0, 2**62), st.one_of(st.integers(0, 15), st.integers(0x80, 0x80 + 62)), st.integers(-100, 100)
)
@settings(max_examples=80)
def test_pcapng_time_resolutions(ticks: int, resolution: int, offset_s: int) -> None:
    """Times are exact for decimal resolutions and within a nanosecond for powers of two."""
    parts = 2 ** (resolution & 0x7F) if resolution & 0x80 else 10**resolution
    ticks = min(ticks, 2_000_000_000 * parts)  # until 2033
    blocks = w.Pcapng()
    head = blocks.section() + blocks.interface(resolution=resolution, offset_s=offset_s)
    capture, _ = read(
        head + blocks.packet(ticks, samples.FRAME) + blocks.statistics(ticks, start=ticks, if_drop=0)
    )
    exact = ticks * 1_000_000_000 // parts + offset_s * 1_000_000_000
    assert abs(int(capture.times_ns()[0]) - exact) <= (1 if resolution & 0x80 else 0)
    assert capture.interfaces[0].start_ns == exact


def test_large_foreign_block_is_stepped_over() -> None:
    """Decryption secrets may be larger than the buffer; the packets behind them are read."""
    blocks = w.Pcapng()
    packet = blocks.packet(0, samples.FRAME)
    head = blocks.section() + blocks.interface() + packet
    capture, weirds = read(
        head + blocks.block(10, bytes(9 << 20)) + packet + blocks.block(10, bytes(2 << 20)) + packet
    )
    assert not weirds
    assert len(capture.packets) == 3
    assert capture.offsets[0] == len(head) - len(packet) + 28


def test_many_packets_and_flows_outgrow_every_table() -> None:
    """Rows keep file order and flows their packets beyond the first sizes of the tables and the buffer."""
    frames = [
        w.ethernet(w.ipv4(f"10.{i >> 8 & 255}.{i & 255}.1", samples.DST, w.udp(i & 0xFFFF, 53, bytes(900))))
        for i in range(9000)
    ]
    capture, weirds = read(w.pcap([(i * 1000, frame) for i, frame in enumerate(frames)]))
    assert not weirds
    assert capture.times_ns().tolist() == [i * 1000 for i in range(9000)]
    assert len(capture.flows) == 9000
    assert (capture.packets[:, table.FLOW] >> 1).tolist() == list(range(9000))
    assert capture.flows[:, table.FLOW_FIRST].tolist() == list(range(9000))


def test_undecodable_packets_keep_frame_numbers_aligned() -> None:
    arp = w.ethernet(bytes(28), kind=0x0806)
    capture, weirds = read(w.pcap([(0, arp), (1000, b""), (2000, samples.FRAME), (3000, arp)]))
    assert not weirds
    assert [fields(capture, row) is None for row in range(4)] == [True, True, False, True]
    assert capture.times_ns().tolist() == [0, 1000, 2000, 3000]


def test_syn_options_are_kept_for_each_end() -> None:
    options = w.mss(1460) + w.sack_permitted() + w.timestamps(1, 0) + w.window_scale(7)
    syn = w.ipv4(samples.SRC, samples.DST, w.tcp(1, 2, flags="S", options=options))
    answer = w.ipv4(samples.DST, samples.SRC, w.tcp(2, 1, flags="SA", options=w.mss(1400)))
    capture, _ = read(w.pcap([(0, w.ethernet(syn)), (1, w.ethernet(answer))]))
    flow = capture.flows[0]
    assert flow[table.FLOW_OPTIONS_A] == 1460 << 16 | 1 << 9 | 1 << 8 | 8
    assert flow[table.FLOW_OPTIONS_B] == 1400 << 16


def test_unknown_link_types_are_named_once_an_interface() -> None:
    blocks = w.Pcapng()
    data = blocks.section() + blocks.interface(link_type=195, name="radio") + blocks.packet(0, bytes(40)) * 3
    capture, weirds = read(data)
    assert len(capture.packets) == 3
    assert [weird.reason for weird in weirds] == [
        "interface radio: link type 195 (IEEE 802.15.4) is not read"
    ]
