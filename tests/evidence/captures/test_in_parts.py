"""A capture read in two halves or in batches gives what it gives in one."""

import dataclasses
from pathlib import Path

import numpy as np
import packet_writer as w
import pytest
import samples
from hypothesis import given, settings
from hypothesis import strategies as st

from lastseen.evidence.captures import open_bytes, read_capture
from lastseen.evidence.captures.reading import PCAP_PART_RATIO
from lastseen.evidence.captures.record_near import record_near
from lastseen.evidence.captures.row_tables import FIRST_ROWS
from lastseen.tables.packets import FLOW, NO_FLOW, Capture, FlowRows, PacketRows

NS = 1_700_000_000_000_000_000
A, B = ("10.1.0.1", 40000), ("10.1.0.2", 443)


def frame(number: int, connections: int = 3) -> bytes:
    """One packet of some connections that both ends open now and then; every eleventh is no IP packet."""
    if number % 11 == 10:
        return bytes(12) + b"\x88\xcc" + bytes(30)
    (source, port), (target, other) = (A, B) if number % 3 else (B, A)
    port, other = (port, other + number % connections) if number % 3 else (port + number % connections, other)
    flags = "S" if number % 7 == 0 else "PA"
    options = w.mss(1000 + number) if flags == "S" else b""
    segment = w.tcp(
        port, other, seq=number, ack=number, flags=flags, options=options, data=b"x" * (number % 5)
    )
    return w.ethernet(w.ipv4(source, target, segment, identification=number))


def pcap(packets: int) -> bytes:
    return w.pcap([(NS + number, frame(number)) for number in range(packets)], nanoseconds=True)


def pcapng(packets: int) -> bytes:
    """Two sections, two interfaces each, comments and statistics all over."""
    data = b""
    for section in range(2):
        blocks = w.Pcapng(big_endian=section == 1)
        data += blocks.section(comment=f"section {section}") + blocks.interface(name="a")
        for number in range(packets):
            if number == packets // 2:
                data += blocks.interface(name="late") + blocks.statistics(NS // 1000, if_drop=number)
            interface = number % 2 if number > packets // 2 else 0
            comment = f"comment {number}" if number % 5 == 0 else ""
            data += blocks.packet(NS // 1000 + number, frame(number), interface=interface, comment=comment)
    return data


def read(data: bytes, folder: Path, **how: object) -> tuple[Capture, list[object]]:
    path = folder / "capture"
    path.write_bytes(data)
    with open_bytes(path) as source:
        capture, weirds = read_capture(source, "capture", **how)  # type: ignore[arg-type]
    return capture, list(weirds)


def assert_equal(one: Capture, other: Capture) -> None:
    for field in dataclasses.fields(Capture):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        assert np.array_equal(mine, theirs) if isinstance(mine, np.ndarray) else mine == theirs, field.name


@pytest.mark.parametrize("make", [pcap, pcapng])
@pytest.mark.parametrize("packets", [0, 1, 2, 40, 3000])
def test_two_halves_are_the_whole(make: object, packets: int, tmp_path: Path) -> None:
    data = make(packets)  # type: ignore[operator]
    (whole, weirds), (joined, same) = read(data, tmp_path), read(data, tmp_path, halves=True)
    assert len(whole.packets) == packets * (2 if make is pcapng else 1)
    assert_equal(whole, joined)
    assert weirds == same


@settings(max_examples=60, deadline=None)
@given(
    at=st.integers(0, 4000),
    octet=st.integers(0, 255),
    cut=st.integers(0, 300),
    make=st.sampled_from([pcap, pcapng]),
)
def test_damage_ends_both_ways_of_reading_alike(
    at: int, octet: int, cut: int, make: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A changed byte and a cut end: the same packets, the same weirds."""
    data = bytearray(make(20))  # type: ignore[operator]
    data[at % len(data)] = octet
    folder = tmp_path_factory.mktemp("damaged")
    one = read(bytes(data[: len(data) - cut]), folder)
    other = read(bytes(data[: len(data) - cut]), folder, halves=True)
    assert_equal(one[0], other[0])
    assert one[1] == other[1]


def test_packets_of_every_kind_in_halves(tmp_path: Path) -> None:
    frames = [*samples.ETHERNET_FRAMES.values()] * 3
    data = w.pcap([(NS + n, data) for n, data in enumerate(frames)])
    assert_equal(read(data, tmp_path)[0], read(data, tmp_path, halves=True)[0])


def packet_of_records(count: int) -> bytes:
    """A pcap's records as the payload of one packet: a capture that somebody copies over the wire."""
    inner = w.pcap([(NS + number, frame(number)) for number in range(count)], nanoseconds=True)[24:]
    return w.ethernet(w.ipv4("10.9.0.1", "10.9.0.2", w.udp(4000, 4001, inner)))


@pytest.mark.parametrize("copies", [1, 40])
def test_records_inside_a_packet_are_no_records(copies: int, tmp_path: Path) -> None:
    """The guess where a second thread may begin is wrong there, which the first thread finds."""
    frames = [frame(0), *[packet_of_records(400)] * copies, frame(1)]
    data = w.pcap([(NS + number, data) for number, data in enumerate(frames)], nanoseconds=True)
    (whole, weirds), (joined, same) = read(data, tmp_path), read(data, tmp_path, halves=True)
    with open_bytes(tmp_path / "capture") as source:
        near = record_near(source, int(len(data) * PCAP_PART_RATIO), swapped=False, unit_ns=1)
    assert near is not None
    assert near + 16 not in whole.offsets
    assert len(whole.packets) == copies + 2
    assert_equal(whole, joined)
    assert weirds == same


@pytest.mark.parametrize("big_endian", [False, True])
def test_a_record_is_found_where_one_begins(big_endian: bool, tmp_path: Path) -> None:
    records = [(NS + number * 1000, frame(number)) for number in range(200)]
    data = w.pcap(records, big_endian=big_endian)
    whole, _ = read(data, tmp_path)
    begins = whole.offsets - 16
    with open_bytes(tmp_path / "capture") as source:
        for at in range(24, len(data) - 200, 97):
            near = record_near(source, at, swapped=big_endian, unit_ns=1000)
            assert near == begins[np.searchsorted(begins, at)]
        assert record_near(source, len(data) - 20, swapped=big_endian, unit_ns=1000) is None


def test_none_is_found_in_a_hole(tmp_path: Path) -> None:
    (tmp_path / "hole").write_bytes(bytes(300_000))
    with open_bytes(tmp_path / "hole") as source:
        assert record_near(source, 1000, swapped=False, unit_ns=1000) is None


@dataclasses.dataclass
class Kept:
    """A sink that keeps copies."""

    most_rows: int = 1
    packets: list[PacketRows] = dataclasses.field(default_factory=list)
    flows: list[FlowRows] = dataclasses.field(default_factory=list)

    def take(self, file: str, packets: PacketRows, flows: FlowRows) -> None:
        assert file == "capture"
        self.packets.append(packets.copy())
        self.flows.append(flows.copy())


@pytest.mark.parametrize("make", [pcap, pcapng])
def test_batches_are_the_whole(make: object, tmp_path: Path) -> None:
    """Rows go to the sink in order; numbers of packets count in the whole file, in flows and in comments."""
    data, kept = make(FIRST_ROWS), Kept()  # type: ignore[operator]
    whole, _ = read(data, tmp_path)
    given_away, _ = read(data, tmp_path, sink=kept)
    assert max(map(len, kept.packets)) <= FIRST_ROWS
    assert np.array_equal(np.concatenate(kept.packets), whole.packets)
    assert np.array_equal(given_away.flows, whole.flows)
    assert given_away.comments == whole.comments
    assert len(given_away.packets) == 0
    for packets, flows in zip(kept.packets, kept.flows, strict=True):
        words = packets[packets[:, FLOW] != NO_FLOW, FLOW]
        assert not len(words) or words.max() >> 1 < len(flows)
