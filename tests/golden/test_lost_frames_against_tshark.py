"""The lost packets of the stall, found again with tshark alone: no code of lastseen takes part in the comparison."""

import subprocess
from collections import Counter
from pathlib import Path

import pytest
from installed import diagnosis, stack_case

CASE, FACTS = stack_case("01_broken_php60_vm")
FIELDS = (
    "frame.number",
    "ip.src",
    "ip.id",
    "tcp.seq_raw",
    "tcp.ack_raw",
    "tcp.flags",
    "tcp.len",
    "eth.padding",
    "eth.trailer",
)
TO_CLIENT = "ip.src == 203.0.113.80 && tcp"


def _rows(capture: Path, wanted: str) -> list[dict[str, str]]:
    arguments = [part for field in FIELDS for part in ("-e", field)]
    command = [
        "tshark",
        "-n",
        "-r",
        str(capture),
        "-Y",
        wanted,
        "-T",
        "fields",
        "-E",
        "occurrence=l",
        *arguments,
    ]
    printed = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    return [dict(zip(FIELDS, line.split("\t"), strict=True)) for line in printed.splitlines()]


def _key(row: dict[str, str]) -> tuple[str, ...]:
    return tuple(row[field] for field in ("ip.id", "tcp.seq_raw", "tcp.ack_raw", "tcp.flags", "tcp.len"))


@pytest.mark.oracle("tshark")
def test_the_frames_called_lost_are_those_tshark_misses_downstream() -> None:
    tunnel = _rows(next(CASE.glob("pcap/6_*.pcap")), TO_CLIENT)
    arrived = Counter(_key(row) for row in _rows(next(CASE.glob("pcap/7_*.pcap")), TO_CLIENT))
    missing = []
    for row in tunnel:
        if arrived[_key(row)]:
            arrived[_key(row)] -= 1
        else:
            missing.append(row)
    (loss,) = diagnosis(CASE, FACTS)["losses"]
    assert [int(row["frame.number"]) for row in missing] == loss["frames"]
    assert len(tunnel) == 26


@pytest.mark.oracle("tshark")
def test_the_flags_and_the_padding_are_those_tshark_sees() -> None:
    (loss,) = diagnosis(CASE, FACTS)["losses"]
    tunnel = _rows(next(CASE.glob("pcap/6_*.pcap")), TO_CLIENT)
    lost = [row for row in tunnel if int(row["frame.number"]) in loss["frames"]]
    passed = [row for row in tunnel if int(row["frame.number"]) not in loss["frames"]]
    flags = [int(row["tcp.flags"], 16) for row in lost]
    fins, resets = sum(bool(f & 1) for f in flags), sum(bool(f & 4) for f in flags)
    assert (fins, resets, len(lost) - fins - resets) == (10, 7, 3)
    assert all(row["eth.padding"] or row["eth.trailer"] for row in lost)
    assert not any(row["eth.padding"] or row["eth.trailer"] for row in passed)
