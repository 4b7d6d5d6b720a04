"""What stands behind every frame is a trailer, what fills short frames is padding."""

import zlib
from pathlib import Path

import numpy as np
import pytest
from packet_writer import ethernet, ipv4, pcap, tcp

from lastseen.evidence.captures import open_bytes, read_capture
from lastseen.evidence.captures.details import read_details
from lastseen.evidence.captures.trailers import trailer_of
from lastseen.tables.details import column


def _frames(sizes: list[int]) -> list[bytes]:
    """Padded TCP frames with payloads of these sizes."""
    packets = [ipv4("10.0.0.1", "10.0.0.2", tcp(443, 50000, data=b"x" * size)) for size in sizes]
    return [ethernet(packet, pad_to=60) for packet in packets]


def _checked(frame: bytes) -> bytes:
    return frame + zlib.crc32(frame).to_bytes(4, "little")


def _look(tmp_path: Path, frames: list[bytes]) -> tuple[int, bool, list[int]]:
    """(trailer length, is it a check sequence, padding of each frame)."""
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap([(i * 1000, frame) for i, frame in enumerate(frames)]))
    with open_bytes(path) as source:
        capture, _ = read_capture(source, "a.pcap")
        trailer = trailer_of(source, capture)
        rows = read_details(source, capture, np.arange(len(frames)))
    return trailer.length, trailer.is_check_sequence, column(rows, "padding_len").tolist()


def test_padding_alone_is_no_trailer(tmp_path: Path) -> None:
    """Short frames are padded, long ones end where their packet ends."""
    assert _look(tmp_path, _frames([0, 100, 1000])) == (0, False, [6, 0, 0])


def test_a_check_sequence_behind_every_frame_is_not_padding(tmp_path: Path) -> None:
    """Four bytes that verify as CRC-32, whatever the length of the frame."""
    frames = [_checked(frame) for frame in _frames([0, 100, 1000])]
    assert _look(tmp_path, frames) == (4, True, [6, 0, 0])


def test_a_check_sequence_shows_in_short_frames_alone(tmp_path: Path) -> None:
    """Without a long frame the check sequence itself decides."""
    assert _look(tmp_path, [_checked(frame) for frame in _frames([0, 1])]) == (4, True, [6, 5])


@pytest.mark.parametrize("length", [4, 8, 32])
def test_a_fixed_trailer_behind_every_frame_is_not_padding(tmp_path: Path, length: int) -> None:
    """A tap's trailer has one length and verifies as nothing."""
    frames = [frame + b"\x5a" * length for frame in _frames([0, 100, 1000])]
    assert _look(tmp_path, frames) == (length, False, [6, 0, 0])
