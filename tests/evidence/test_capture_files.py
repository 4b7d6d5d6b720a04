"""Several captures at a time: the same result as one by one, in the same order, and stopped when told."""

import gzip
import sys
from pathlib import Path

import numpy as np
import packet_writer as w
import pytest

from lastseen.evidence import capture_files
from lastseen.evidence.capture_files import TIME_UP, WORTH_THREADS_BYTES, read_captures
from lastseen.evidence.case import open_case
from lastseen.evidence.files import CaseFile
from lastseen.tables.packets import FLOW_OUTER_DST

FILES = 4
USED = FLOW_OUTER_DST + 1
"""Columns of a flow row that have a meaning; the rest is left as it was."""


@pytest.fixture
def large(tmp_path: Path) -> list[CaseFile]:
    """Captures that together are worth two threads; each holds another number of packets."""
    files = []
    for number in range(FILES):
        packet = w.ethernet(w.ipv4("10.0.0.1", "10.0.0.2", w.tcp(1000 + number, 443, data=bytes(1200))))
        header, record = w.pcap([]), w.pcap([(10**18, packet)])[24:]
        path = tmp_path / f"{number}.pcap"
        path.write_bytes(header + record * (WORTH_THREADS_BYTES // FILES // len(record) + 1 + number))
        files.append(CaseFile(path=path, name=path.name, parts=(path.name,)))
    return files


def test_it_is_told_how_much_there_is_before_it_is_read(tmp_path: Path) -> None:
    """A few packets are not worth compiling for; what is compressed may be any number."""
    told: list[int] = []
    content = w.pcap([(10**18, w.ethernet(w.ipv4("10.0.0.1", "10.0.0.2", w.tcp(1000, 443))))])
    for name in ("a", "b"):
        (tmp_path / f"{name}.pcap").write_bytes(content)
    open_case([tmp_path], before_captures=told.append).__exit__(None, None, None)
    assert told == [2 * len(content)]
    (tmp_path / "b.pcap").write_bytes(gzip.compress(content))
    open_case([tmp_path], before_captures=told.append).__exit__(None, None, None)
    assert told[1] > sys.maxsize


def test_threads_change_nothing(large: list[CaseFile], monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    by_two = list(read_captures(large, progress=told.append, expired=lambda: False))
    monkeypatch.setattr(capture_files, "WORTH_THREADS_BYTES", 1 << 40)
    one_by_one = list(read_captures(large, progress=lambda _: None, expired=lambda: False))
    assert told == [file.name for file in large]
    for two, one in zip(by_two, one_by_one, strict=True):
        assert two.capture is not None
        assert one.capture is not None
        assert two.capture.file == one.capture.file
        assert two.weirds == one.weirds
        assert np.array_equal(two.capture.packets, one.capture.packets)
        assert np.array_equal(two.capture.flows[:, :USED], one.capture.flows[:, :USED])


def test_a_file_that_has_gone_is_a_weird_beside_the_others(large: list[CaseFile]) -> None:
    large[1].path.unlink()
    read = list(read_captures(large, progress=lambda _: None, expired=lambda: False))
    assert [one.capture is None for one in read] == [False, True, False, False]
    assert "cannot be read" in read[1].weirds[0].reason


@pytest.mark.parametrize("looks", [0, 1, 3])
def test_once_the_time_is_up_what_was_read_is_kept(large: list[CaseFile], looks: int) -> None:
    """`looks`: how often the clock may be asked before the time is up."""
    asked = iter(range(100))
    read = list(read_captures(large[:1], progress=lambda _: None, expired=lambda: next(asked) >= looks))
    assert read[0].partial == (looks < 2)
    assert [weird.reason for weird in read[0].weirds] == ([TIME_UP] if looks < 2 else [])
    assert (read[0].capture is None) == (looks == 0)
