"""A node's clock is moved in everything it stamped, by the same offset."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastseen.lab.campaign.clocks import shift_capture, shift_log, shift_trace

NANO, MICRO = 0xA1B23C4D, 0xA1B2C3D4


def _pcap(order: str, magic: int, times: list[tuple[int, int]]) -> bytes:
    head = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 262144, 1)
    return head + b"".join(struct.pack(f"{order}IIII", *time, 3, 60) + b"abc" for time in times)


@pytest.mark.parametrize("order", ["<", ">"])
def test_each_packet_of_a_capture_is_moved(order: str, tmp_path: Path) -> None:
    file = tmp_path / "a.pcap"
    file.write_bytes(_pcap(order, NANO, [(100, 999_999_999), (101, 5)]))
    shift_capture(file, 1_500_000_000)
    assert file.read_bytes() == _pcap(order, NANO, [(102, 499_999_999), (102, 500_000_005)])


def test_a_capture_of_microseconds_is_moved_by_them(tmp_path: Path) -> None:
    file = tmp_path / "a.pcap"
    file.write_bytes(_pcap("<", MICRO, [(100, 7)]))
    shift_capture(file, -2_008_000)
    assert file.read_bytes() == _pcap("<", MICRO, [(99, 997_999)])


def test_a_cut_packet_is_moved_and_what_is_no_capture_stays(tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(_pcap("<", NANO, [(100, 0), (100, 1)])[:-2])
    shift_capture(cut, 1_000_000_000)
    assert cut.read_bytes() == _pcap("<", NANO, [(101, 0), (101, 1)])[:-2]
    for content in (b"", b"abc", b"hello, this is no capture at all"):
        cut.write_bytes(content)
        shift_capture(cut, 1)
        assert cut.read_bytes() == content


@given(st.integers(-(10**13), 10**13))
def test_there_and_back_is_where_a_trace_was(offset_us: int) -> None:
    trace = '7 1700000000.000001 read(3, "1700000000.5 ", 9) = 9 <0.1>\n1700000001.5 not six digits\n'
    moved = shift_trace(trace, offset_us * 1000)
    assert shift_trace(moved, -offset_us * 1000) == trace
    assert '"1700000000.5 "' in moved


def test_a_log_is_moved_by_whole_seconds_over_a_month() -> None:
    log = "Nov 30 23:59:59 compute IN=w1\nOUT Nov 30 23:59:59 stays\n"
    assert shift_log(log, 1_400_000_000).splitlines()[0] == "Dec  1 00:00:00 compute IN=w1"
    assert shift_log(log, 400_000_000) == log
