"""Connections found part by part are those found in one table."""

import itertools
from pathlib import Path

import packet_writer as w
import pytest

from lastseen.cli.pipeline import case_points, opened
from lastseen.cli.progress import Progress
from lastseen.report.jsons import connections_json, encode
from lastseen.scale import spill as spilling
from lastseen.scale.connections import spilled_points
from lastseen.scale.spill import Spill

NS = 1_700_000_000_000_000_000
ENDS = [(f"10.0.{n // 200}.{n % 200 + 1}", 30_000 + 7 * n) for n in range(60)]


def talk(count: int, start: int = 0) -> list[tuple[int, bytes]]:
    """Packets of many connections at once, with stalls, repetitions, reused ports, UDP and noise between them."""
    packets = []
    for number in range(start, start + count):
        host, port = ENDS[number * number % len(ENDS)]
        step = number // len(ENDS)
        client = number % 3 > 0
        flags = "S" if step % 9 == 0 and client else "F" if step % 9 == 8 else "PA"
        source, target = ((host, port), ("10.9.9.9", 443)) if client else (("10.9.9.9", 443), (host, port))
        segment = w.tcp(
            source[1], target[1], seq=1000 + 10 * (step - step % 4), ack=5, flags=flags, data=b"d" * 10
        )
        packets.append(
            (
                NS + number * 40_000_000,
                w.ethernet(w.ipv4(source[0], target[0], segment, identification=number)),
            )
        )
        if number % 5 == 0:
            datagram = w.ipv4(host, "10.9.9.9", w.udp(port, 53, b"query"))
            packets.append((NS + number * 40_000_000 + 1, w.ethernet(datagram)))
        if number % 17 == 0:
            packets.append((NS + number * 40_000_000 + 2, bytes(12) + b"\x88\xcc" + bytes(30)))
    return packets


def both_ways(files: list[Path]) -> tuple[bytes, bytes]:
    """The JSON of one table, and of parts."""
    with Progress() as progress, opened(files, progress, texts=False) as case:
        whole = encode(connections_json(case_points(case), weirds=case.weirds))
    with Progress() as progress, Spill(0) as spill, opened(files, progress, texts=False, sink=spill) as case:
        parts = encode(connections_json(spilled_points(case.captures, spill), weirds=case.weirds))
    return whole, parts


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many batches and many groups of parts."""
    monkeypatch.setattr(spilling, "FEWEST_ROWS", 500)


@pytest.mark.usefixtures("small_steps")
def test_parts_are_the_whole(tmp_path: Path) -> None:
    capture = tmp_path / "tap.pcap"
    capture.write_bytes(w.pcap(talk(9000), nanoseconds=True))
    whole, parts = both_ways([capture])
    assert whole == parts
    assert whole.count(b'"history"') > 100


@pytest.mark.usefixtures("small_steps")
def test_several_and_rotated_files(tmp_path: Path) -> None:
    """A connection that goes on in the next file is one; captures of other points are apart."""
    packets = talk(6000)
    cuts = (0, 2000, 5000, len(packets))
    files = [
        tmp_path / name for name in ("tap.pcap0", "tap.pcap1", "tap.pcap2", "other.pcap", "nothing.pcap")
    ]
    for file, (begin, end) in zip(files, itertools.pairwise(cuts), strict=False):
        file.write_bytes(w.pcap(packets[begin:end], nanoseconds=True))
    files[3].write_bytes(w.pcap(packets[1000:4000], nanoseconds=True))
    files[4].write_bytes(w.pcap([], nanoseconds=True))
    whole, parts = both_ways(files[::-1])
    assert whole == parts


@pytest.mark.usefixtures("small_steps")
def test_several_interfaces_of_one_capture(tmp_path: Path) -> None:
    blocks = w.Pcapng()
    data = blocks.section() + blocks.interface(name="a") + blocks.interface(name="b")
    for number, (time, frame) in enumerate(talk(2000)):
        data += blocks.packet(time // 1000, frame, interface=number % 2)
    capture = tmp_path / "any.pcapng"
    capture.write_bytes(data)
    whole, parts = both_ways([capture])
    assert whole == parts


def test_a_spill_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    capture = tmp_path / "tap.pcap"
    capture.write_bytes(w.pcap(talk(300), nanoseconds=True))
    both_ways([capture])
    assert [path.name for path in tmp_path.iterdir()] == ["tap.pcap"]
